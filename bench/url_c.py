# SPDX-License-Identifier: Apache-2.0
"""A warm C function over its URL against nginx `return 200` of the same body: by the ring,
and by the Runtime API."""
import peers

BODY = '{"message":"hello from the function"}'
SOURCE = r'''
#include <stdlib.h>
#include "evoke.h"
static void handler(const char *event, size_t len, struct evoke_context *context)
{
    evoke_respond(context, "{\"message\":\"hello from the function\"}");
}
int main(void)
{
#ifdef WITHOUT_RING
    unsetenv("_EVOKE_RING");
#endif
    return evoke_run(handler, NULL);
}
'''
GOALS = {"ring": ({"p50": 1.25}, {"rate": 0.6}), "runtime-api": ({"p50": 1.5}, {"rate": 0.25})}

for name, (one, many) in GOALS.items():
    bootstrap = peers.c_function(SOURCE, ring=name == "ring")
    with peers.evoke() as daemon, peers.nginx(BODY) as nginx:
        daemon.create(name, {"bootstrap": (bootstrap, 0o755)}, runtime="provided.al2023",
                      handler="bootstrap")
        url = daemon.gateway + daemon.open_url(name)
        assert peers.ask(url).decode() == BODY, peers.ask(url)
        peers.compare(f"C by {name}", url, nginx, 1, one)
        peers.compare(f"C by {name}", url, nginx, 32, many)
