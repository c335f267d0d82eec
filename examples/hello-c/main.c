#include <evoke.h>
#include <stdio.h>
#include <stdlib.h>

/* Called once for each event: an HTTP request to its URL, or what `evoke invoke` sends. */
static void handler(const char *event, size_t len, struct evoke_context *context)
{
    const char *greeting = getenv("GREETING");
    char answer[200];

    printf("an event of %zu bytes: %.60s\n", len, event);
    snprintf(answer, sizeof answer, "{\"message\":\"%s, world\"}",
             greeting ? greeting : "hello");
    evoke_respond(context, answer);
}

int main(void)
{
    return evoke_run(handler, NULL);
}
