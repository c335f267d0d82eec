/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/path.h"
#include "gateway/meter.h"

/* Evoke's own actions: health and metrics, what the CLI shows beyond AWS, and packages for
 * download. */

/* --- health and metrics --- */

static void get_health(struct call *call)
{
    buffer_add_literal(&call->answer, "ok\n");
    call->content_type = "text/plain";
    call_reply(call, 200);
}

static void get_metrics(struct call *call)
{
    engine_metrics(call->api->engine, &call->answer);
    engine_function_metrics(shard_directory(call->shard->shard), call->api->account,
                            call->api->region, &call->answer);
    if (call->api->meters)
        meters_metrics(call->api->meters, &call->answer);
    call->content_type = "text/plain; version=0.0.4";
    call_reply(call, 200);
}

/* What the gateway serves, for `evoke gateway top`. */
static void get_traffic(struct call *call)
{
    if (!call->api->meters) {
        call_fail(call, "ResourceNotFoundException", "The gateway counts nothing here.");
        return;
    }
    buffer_add_format(&call->answer, "{\"uptimeMs\":%lld,\"traffic\":",
                      (long long)(clock_now_ms() - call->api->started_ms));
    meters_json(call->api->meters, clock_mono_us(), &call->answer);
    buffer_add_char(&call->answer, '}');
    call_reply(call, 200);
}

/* --- status --- */

static void write_instances(struct writer *writer, const struct engine_counts *counts)
{
    write_open(writer, "instances", '{');
    write_int(writer, "starting", counts->starting);
    write_int(writer, "idle", counts->idle);
    write_int(writer, "busy", counts->busy);
    write_int(writer, "frozen", counts->frozen);
    write_close(writer, '}');
    write_open(writer, "concurrency", '{');
    write_int(writer, "used", counts->concurrency_used);
    write_int(writer, "limit", counts->concurrency_limit);
    write_close(writer, '}');
}

/* What this machine can enforce. */
static void write_sandbox(struct writer *writer, const struct spawner_report *report)
{
    write_open(writer, "sandbox", '{');
    write_bool(writer, "privileged", report->privileged);
    write_string(writer, "memory", report->memory);
    write_string(writer, "pids", report->pids);
    write_string(writer, "cpu", report->cpu);
    write_string(writer, "freezer", report->freezer);
    write_int(writer, "landlock", report->landlock_abi);
    write_open(writer, "missing", '[');
    for (int i = 0; i < report->missing_count; i++)
        write_string(writer, NULL, report->missing[i]);
    write_close(writer, ']');
    write_close(writer, '}');
}

static void get_status(struct call *call)
{
    const struct api *api = call->api;
    struct engine_counts counts = engine_counts(api->engine);
    struct writer writer = call_writer(call);

    write_open(&writer, NULL, '{');
    write_string(&writer, "version", EVOKE_VERSION);
    write_int(&writer, "pid", getpid());
    write_string(&writer, "api", api->api_url);
    write_string(&writer, "gateway", api->gateway_url);
    write_text(&writer, "account", api->account);
    write_text(&writer, "region", api->region);
    write_string(&writer, "data", api->options->data_folder);
    write_int(&writer, "shards", api->options->settings->shards);
    write_int(&writer, "uptimeMs", clock_now_ms() - api->started_ms);
    write_int(&writer, "functions", counts.functions);
    write_instances(&writer, &counts);
    write_sandbox(&writer, &api->options->report);
    write_close(&writer, '}');
    call_reply(call, 200);
}

static void get_runtimes(struct call *call)
{
    interpreters_json(call->api->options->interpreters, &call->answer);
    call_reply(call, 200);
}

/* --- a function, as Evoke sees it --- */

static void get_details(struct call *call)
{
    struct writer writer = call_writer(call);
    struct target target;
    const struct function *function;

    const struct version *version = lambda_target_version(call, &target, &function);
    if (!version)
        return;
    write_open(&writer, NULL, '{');
    config_write(&writer, "Configuration", function, version, 0);
    write_string(&writer, "ResolvedRuntime", version->resolved_runtime);
    if (*version->load_error)
        write_json(&writer, "LoadError", text_of(version->load_error));
    if (*function->url.id) {
        scoped(free) char *url =
            mem_format("%s/urls/%s/", call->api->gateway_url, function->url.id);
        write_string(&writer, "Url", url);
    }
    write_strings(&writer, "Routes", function->routes, function->route_count);
    write_strings(&writer, "Calls", version->config.calls, version->config.call_count);
    write_string(&writer, "Network", version->config.host_network ? "host" : "none");
    write_int(&writer, "Instances", engine_instances(call->api->engine, function));
    write_close(&writer, '}');
    call_reply(call, 200);
}

/* --- a package's ZIP, by the link that GetFunction gives --- */

void admin_sign_code(const struct api *api, struct text code, int64_t expires_ms,
                     char out[static 2 * SHA256_LEN + 1])
{
    scoped(free) char *what = mem_format("%.*s %lld", TEXT_ARG(code), (long long)expires_ms);
    uint8_t digest[SHA256_LEN];

    crypto_hmac_sha256(text_from(api->code_secret, sizeof api->code_secret), text_of(what), digest);
    crypto_hex(digest, sizeof digest, out);
}

static void work_read(struct call *call)
{
    struct error err;
    const char *path = call->state;

    if (path_read(path, LIMIT_ZIP_BYTES, &call->answer, &err) < 0)
        buffer_clear(&call->answer);
}

static void after_read(struct call *call)
{
    if (call->answer.len == 0) {
        call_fail(call, "ResourceNotFoundException", "The package is no longer there.");
        return;
    }
    call->content_type = "application/zip";
    call_reply(call, 200);
}

/* "64 hex digits.zip": nothing else becomes part of a file's name. */
static bool is_package_name(struct text name)
{
    uint8_t digest[SHA256_LEN];

    return name.len == 2 * SHA256_LEN + 4 && text_ends(name, TEXT(".zip")) &&
           crypto_unhex(text_slice(name, 0, 2 * SHA256_LEN), digest);
}

static void get_code(struct call *call)
{
    struct text name = call->path_values[0], code = text_slice(name, 0, 2 * SHA256_LEN);
    char expected[2 * SHA256_LEN + 1];
    int64_t expires_ms = 0;

    (void)text_to_int(call_query(call, "expires"), 0, INT64_MAX, &expires_ms);
    admin_sign_code(call->api, code, expires_ms, expected);
    if (!is_package_name(name) || !crypto_equal(call_query(call, "signature"), text_of(expected)) ||
        expires_ms < clock_now_ms()) {
        call_fail(call, "AccessDeniedException", "Request has expired");
        return;
    }
    call->state =
        arena_format(&call->arena, "%s/zip/%.*s", call->api->options->data_folder, TEXT_ARG(name));
    call_work(call, work_read, after_read);
}

/* --- reading anew --- */

struct renewal {
    struct reload reload;
    struct call *call;
};

static void on_reloaded(struct reload *reload, const json_t *report)
{
    struct call *call = container_of(reload, struct renewal, reload)->call;
    scoped(free) char *text = json_dumps(report, JSON_COMPACT);

    buffer_add_text(&call->answer, text_of(text));
    call_reply(call, 200);
}

static void reload(struct call *call)
{
    struct renewal *renewal = arena_zalloc(&call->arena, sizeof *renewal);

    if (!call->api->reloader) {
        call_fail(call, "ResourceNotFoundException", "Nothing is read from files here.");
        return;
    }
    renewal->reload.done = on_reloaded;
    renewal->call = call;
    call->api->reloader->start(call->api->reloader, &renewal->reload);
}

/* --- the table --- */

#define EVOKE PROTOCOL_REST_JSON, "lambda", METHOD_GET

const struct action admin_actions[] = {
    {"GetHealth", EVOKE, "/healthz", BODY_NONE, 0, ACCESS_OPEN, PLACE_SHARD, NULL, get_health,
     NULL},
    {"GetMetrics", EVOKE, "/metrics", BODY_NONE, 0, ACCESS_LOOPBACK, PLACE_SHARD, NULL, get_metrics,
     NULL},
    {"GetStatus", EVOKE, "/_evoke/status", BODY_NONE, 0, ACCESS_SIGNED, PLACE_CONTROL, NULL,
     get_status, NULL},
    {"GetTraffic", EVOKE, "/_evoke/gateway/top", BODY_NONE, 0, ACCESS_SIGNED, PLACE_SHARD, NULL,
     get_traffic, NULL},
    {"Reload", PROTOCOL_REST_JSON, "lambda", METHOD_POST, "/_evoke/gateway/reload", BODY_NONE, 0,
     ACCESS_SIGNED, PLACE_CONTROL, NULL, reload, NULL},
    {"ListRuntimes", EVOKE, "/_evoke/runtimes", BODY_NONE, 0, ACCESS_SIGNED, PLACE_SHARD, NULL,
     get_runtimes, NULL},
    {"GetDetails", EVOKE, "/_evoke/functions/{FunctionName}", BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, lambda_name_params, get_details, NULL},
    {"GetCode", EVOKE, "/_evoke/code/{File}", BODY_NONE, 0, ACCESS_OPEN, PLACE_SHARD, NULL,
     get_code, NULL},
    {0},
};
