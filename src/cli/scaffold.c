/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/scaffold.h"

#include "base/scoped.h"
#include "base/text.h"

#define README(build, file)                                                                \
    "# @NAME@\n"                                                                           \
    "\n"                                                                                   \
    "A function for Evoke. `function.yaml` says how it runs, `" file "` holds its code.\n" \
    "\n"                                                                                   \
    "```sh\n" build "evoke deploy .\n"                                                     \
    "evoke invoke @NAME@ '{\"name\":\"you\"}' --log\n"                                     \
    "curl \"$(evoke url @NAME@)?name=you\"\n"                                              \
    "evoke logs @NAME@ -f\n"                                                               \
    "```\n"

#define MANIFEST(runtime, handler)                                                               \
    "name: @NAME@\n"                                                                             \
    "runtime: " runtime "\n"                                                                     \
    "handler: " handler "\n"                                                                     \
    "memory: 128        # MB\n"                                                                  \
    "timeout: 10        # seconds\n"                                                             \
    "environment:\n"                                                                             \
    "  GREETING: hello\n"                                                                        \
    "http:              # gives it a URL; take this away for a function that only gets events\n" \
    "  auth: none       # or iam: only for signed requests\n"

static const char node_code[] =
    "// Called once for each event: an HTTP request to its URL, or what `evoke invoke` sends.\n"
    "export const handler = async (event, context) => {\n"
    "  const name = event.queryStringParameters?.name ?? event.name ?? 'world';\n"
    "\n"
    "  console.log(`greeting ${name}`);\n"
    "  return { message: `${process.env.GREETING}, ${name}` };\n"
    "};\n";

static const char python_code[] =
    "import os\n"
    "\n"
    "\n"
    "def handler(event, context):\n"
    "    \"\"\"Called once for each event: an HTTP request to its URL, or what `evoke invoke` "
    "sends.\"\"\"\n"
    "    query = event.get(\"queryStringParameters\") or {}\n"
    "    name = query.get(\"name\") or event.get(\"name\") or \"world\"\n"
    "\n"
    "    print(f\"greeting {name}\")\n"
    "    return {\"message\": f\"{os.environ['GREETING']}, {name}\"}\n";

static const char c_code[] =
    "#include <evoke.h>\n"
    "#include <stdio.h>\n"
    "#include <stdlib.h>\n"
    "\n"
    "/* Called once for each event: an HTTP request to its URL, or what `evoke invoke` sends. */\n"
    "static void handler(const char *event, size_t len, struct evoke_context *context)\n"
    "{\n"
    "    const char *greeting = getenv(\"GREETING\");\n"
    "    char answer[200];\n"
    "\n"
    "    printf(\"an event of %zu bytes: %.60s\\n\", len, event);\n"
    "    snprintf(answer, sizeof answer, \"{\\\"message\\\":\\\"%s, world\\\"}\",\n"
    "             greeting ? greeting : \"hello\");\n"
    "    evoke_respond(context, answer);\n"
    "}\n"
    "\n"
    "int main(void)\n"
    "{\n"
    "    return evoke_run(handler, NULL);\n"
    "}\n";

static const char c_makefile[] =
    "# The folder of evoke.h and libevoke.a.\n"
    "EVOKE_C ?= @SDK@\n"
    "CFLAGS ?= -O2 -Wall -Wextra\n"
    "\n"
    "bootstrap: main.c\n"
    "\t$(CC) $(CFLAGS) -static -I$(EVOKE_C) main.c $(EVOKE_C)/libevoke.a -o $@\n"
    "\n"
    "clean:\n"
    "\trm -f bootstrap\n"
    "\n"
    ".PHONY: clean\n";

static const struct scaffold scaffolds[] = {
    {
        .runtime = "node",
        .also = "nodejs",
        .files =
            {
                {"function.yaml", MANIFEST("nodejs", "index.handler")},
                {"index.mjs", node_code},
                {".evokeignore", "/README.md\n"},
                {"README.md", README("", "index.mjs")},
            },
    },
    {
        .runtime = "python",
        .also = "python3",
        .files =
            {
                {"function.yaml", MANIFEST("python3.x", "app.handler")},
                {"app.py", python_code},
                {".evokeignore", "/README.md\n"},
                {"README.md", README("", "app.py")},
            },
    },
    {
        .runtime = "c",
        .needs_build = true,
        .files =
            {
                {"function.yaml", MANIFEST("provided.al2023", "bootstrap")},
                {"main.c", c_code},
                {"Makefile", c_makefile},
                {".evokeignore", "/README.md\n/Makefile\n*.c\n*.o\n"},
                {"README.md", README("make\n", "main.c")},
            },
    },
};

const struct scaffold *scaffold_find(const char *runtime)
{
    for (size_t i = 0; i < COUNT_OF(scaffolds); i++)
        if (strcmp(scaffolds[i].runtime, runtime) == 0 ||
            (scaffolds[i].also && strcmp(scaffolds[i].also, runtime) == 0))
            return &scaffolds[i];
    return NULL;
}

void scaffold_fill(const char *content, const char *name, const char *sdk, struct buffer *out)
{
    const struct {
        struct text placeholder;
        const char *value;
    } values[] = {{TEXT("@NAME@"), name}, {TEXT("@SDK@"), sdk}};
    struct text rest = text_of(content);

    while (rest.len > 0) {
        size_t at = text_find(rest, '@');
        buffer_add_text(out, text_slice(rest, 0, at));
        rest = text_skip(rest, at);
        size_t taken = rest.len ? 1 : 0;
        for (size_t i = 0; i < COUNT_OF(values); i++)
            if (text_starts(rest, values[i].placeholder)) {
                buffer_add_text(out, text_of(values[i].value));
                taken = values[i].placeholder.len;
            }
        if (taken == 1)
            buffer_add_char(out, '@');
        rest = text_skip(rest, taken);
    }
}
