/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "daemon/serve.h"

int main(int argc, char **argv)
{
    static const struct command *const more[] = {&command_serve, NULL};

    return cli_main(argc, argv, more);
}
