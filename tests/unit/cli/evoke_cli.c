/* SPDX-License-Identifier: Apache-2.0 */
/* The client commands alone, as a program for commands_test.py. */
#include "cli/command.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv, NULL);
}
