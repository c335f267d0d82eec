/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_priv.h"

#include <string.h>

#include "base/mem.h"

/* What an instance is started with: program, environment, limits. The variables are
 * those of Lambda's execution environment, plus where the daemon's endpoints are inside. */

#define LAMBDA_MB_PER_CORE 1769   /* Lambda gives one vCPU for this much memory */
#define NODE_SEMI_SPACE_MB_MAX 16 /* V8's own default */
#define NODE_OUTSIDE_MB 48
#define ENV_MAX (SANDBOX_ENV_MAX - 1)

struct variables {
    struct arena *arena;
    char **at;
    size_t count;
};

static void put(struct variables *variables, const char *name, const char *value)
{
    assert(variables->count < ENV_MAX);
    variables->at[variables->count++] =
        arena_format(variables->arena, "%s=%s", name, value ? value : "");
}

static void put_number(struct variables *variables, const char *name, int64_t value)
{
    put(variables, name, arena_format(variables->arena, "%lld", (long long)value));
}

/* Names a function may not set itself: they are set by the platform. AWS refuses them at
 * the API; function.yaml is checked there too. */
static void put_own(struct variables *variables, const struct function_config *config)
{
    for (size_t i = 0; i < config->variable_count && variables->count < ENV_MAX; i++)
        put(variables, config->variables[i].name, config->variables[i].value);
}

static void put_platform(struct variables *variables, const struct instance *instance,
                         const struct interpreter *interpreter)
{
    const struct version *version = instance->pool->version;
    const struct function_config *config = &version->config;
    bool is_json = config->log_format == LOG_FORMAT_JSON;

    put(variables, "AWS_LAMBDA_FUNCTION_NAME", version->name);
    put(variables, "AWS_LAMBDA_FUNCTION_VERSION", version->number);
    put_number(variables, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", config->memory_mb);
    put(variables, "AWS_LAMBDA_LOG_GROUP_NAME", config->log_group);
    put(variables, "AWS_LAMBDA_LOG_STREAM_NAME", instance->log_name);
    put(variables, "AWS_LAMBDA_LOG_FORMAT", is_json ? "JSON" : "Text");
    if (is_json)
        put(variables, "AWS_LAMBDA_LOG_LEVEL", config->application_log_level);
    put(variables, "AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
    put(variables, "AWS_REGION", version->region);
    put(variables, "AWS_DEFAULT_REGION", version->region);
    put(variables, "AWS_EXECUTION_ENV",
        arena_format(variables->arena, "AWS_Lambda_%s", config->runtime));
    put(variables, "AWS_ACCESS_KEY_ID", instance->key.access_key);
    put(variables, "AWS_SECRET_ACCESS_KEY", instance->key.secret);
    put(variables, "AWS_SESSION_TOKEN", instance->key.session_token);
    put(variables, "LAMBDA_TASK_ROOT", "/var/task");
    put(variables, "LAMBDA_RUNTIME_DIR", "/var/runtime");
    put(variables, "_HANDLER", config->handler);
    put(variables, "TZ", ":UTC");
    put(variables, "LANG", "C.UTF-8");
    put(variables, "PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin");
    put(variables, "LD_LIBRARY_PATH", "/var/task:/var/task/lib:/opt/lib");
    put(variables, "HOME", "/tmp");
    put(variables, "_EVOKE_RING", "1");
    put(variables, "_EVOKE_API_SOCKET", "1");
    put(variables, "_EVOKE_FUNCTION_ARN", version->arn);
    if (text_equal(text_of(interpreter->language), TEXT("nodejs")))
        put(variables, "NODE_PATH", "/opt/nodejs/node_modules:/var/runtime/node_modules");
    if (text_equal(text_of(interpreter->language), TEXT("python")))
        put(variables, "PYTHONPATH", "/var/task:/opt/python");
}

/* A function in the host's network finds the daemon's own ports, and a Runtime API that
 * listens for it alone on a free one. */
static void put_host_endpoints(struct variables *variables, struct launch *launch,
                               const struct engine *engine)
{
    struct error err;
    uint16_t port = 0;

    launch->runtime_listener = http_bind(TEXT("127.0.0.1:0"), &port, &err);
    put(variables, "AWS_LAMBDA_RUNTIME_API",
        arena_format(variables->arena, "127.0.0.1:%u", (unsigned)port));
    put(variables, "AWS_ENDPOINT_URL",
        arena_format(variables->arena, "http://%s", engine->options.api_address));
    put(variables, "EVOKE_GATEWAY",
        arena_format(variables->arena, "http://%s", engine->options.gateway_address));
}

static void put_endpoints(struct variables *variables)
{
    put(variables, "AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001");
    put(variables, "AWS_ENDPOINT_URL", "http://127.0.0.1:9000");
    put(variables, "EVOKE_GATEWAY", "http://127.0.0.1:8080");
}

/* Whether the function's own NODE_OPTIONS says how large V8's heap may be, with "_" or "-". */
static bool has_own_heap(const struct function_config *config)
{
    static const char *const flags[] = {"max-old-space-size", "max-semi-space-size"};

    for (size_t i = 0; i < config->variable_count; i++) {
        if (strcmp(config->variables[i].name, "NODE_OPTIONS") != 0)
            continue;
        scoped(free) char *options = mem_strdup(config->variables[i].value);
        for (char *at = options; *at; at++)
            if (*at == '_')
                *at = '-';
        for (size_t k = 0; k < COUNT_OF(flags); k++)
            if (strstr(options, flags[k]))
                return true;
    }
    return false;
}

/*
 * V8 cannot know what the control group allows, and collects so late that a function of 128 MB is
 * killed with a heap full of garbage. As on Lambda the young generation has 5% of the memory, but
 * no more than V8 takes by itself, and the old one 90%, less what Node.js needs outside of the
 * heap: its own code and data, and buffers.
 */
static char **put_heap(struct arena *arena, const struct function_config *config, char **argv)
{
    int64_t semi = config->memory_mb / 20, old = config->memory_mb * 9 / 10 - NODE_OUTSIDE_MB;

    if (has_own_heap(config))
        return argv;
    if (semi > NODE_SEMI_SPACE_MB_MAX)
        semi = NODE_SEMI_SPACE_MB_MAX;
    *argv++ = arena_format(arena, "--max-semi-space-size=%lld", (long long)semi);
    *argv++ = arena_format(arena, "--max-old-space-size=%lld", (long long)old);
    return argv;
}

/*
 * A function may name a program that starts the runtime, which it is given as arguments, in its
 * stead. As on Lambda a shell looks for it, so that its absence is in the log, and may run scripts
 * that name no interpreter.
 */
static char **put_wrapper(struct arena *arena, const struct function_config *config, char **argv)
{
    static const char look[] = "test -f \"$0\" || { echo \"$0: does not exist\"; exit 127; }\n"
                               "test -x \"$0\" || { echo \"$0: is not an executable\"; exit 126; }\n"
                               "exec \"$0\" \"$@\"";

    for (size_t i = 0; i < config->variable_count; i++) {
        if (strcmp(config->variables[i].name, "AWS_LAMBDA_EXEC_WRAPPER") != 0 ||
            !config->variables[i].value[0])
            continue;
        *argv++ = arena_string(arena, TEXT("/bin/sh"));
        *argv++ = arena_string(arena, TEXT("-c"));
        *argv++ = arena_string(arena, text_of(look));
        *argv++ = arena_string(arena, text_of(config->variables[i].value));
        break;
    }
    return argv;
}

static char **arguments(struct arena *arena, const struct interpreter *interpreter,
                        const struct function_config *config)
{
    char **argv = arena_zalloc(arena, (SANDBOX_ARGS_MAX + 1) * sizeof *argv), **at = argv;
    struct text language = text_of(interpreter->language);
    bool is_node = text_equal(language, TEXT("nodejs"));

    if (!is_node && !text_equal(language, TEXT("python"))) {
        *at = arena_string(arena, TEXT(LAUNCH_BOOTSTRAP));
        return argv;
    }
    at = put_wrapper(arena, config, at);
    *at++ = arena_string(arena, text_of(interpreter->program));
    if (is_node)
        at = put_heap(arena, config, at);
    *at = arena_format(arena, "/var/runtime/bootstrap.%s", is_node ? "mjs" : "py");
    return argv;
}

static int64_t cpu_percent(const struct settings *settings, int64_t memory_mb)
{
    int64_t share = memory_mb * 100 / LAMBDA_MB_PER_CORE;

    return share > settings->cpu_min_percent ? share : settings->cpu_min_percent;
}

void launch_prepare(struct launch *launch, const struct instance *instance,
                    const struct engine *engine)
{
    const struct version *version = instance->pool->version;
    bool exact;
    struct error err;
    static const struct interpreter none = {.language = "provided", .program = "", .version = ""};
    const struct interpreter *interpreter = interpreters_resolve(
        engine->options.interpreters, text_of(version->config.runtime), &exact, &err);

    *launch = (struct launch){.runtime_listener = -1};
    /* Checked at deployment; a machine may have lost it since, and the start then fails. */
    if (!interpreter)
        interpreter = &none;
    struct variables variables = {.arena = &launch->arena};
    variables.at = arena_zalloc(&launch->arena, SANDBOX_ENV_MAX * sizeof *variables.at);
    put_platform(&variables, instance, interpreter);
    if (version->config.host_network)
        put_host_endpoints(&variables, launch, engine);
    else
        put_endpoints(&variables);
    put_own(&variables, &version->config);

    struct text language = text_of(interpreter->language);
    launch->plan = (struct sandbox_plan){
        .code = version->code,
        .runtime = text_equal(language, TEXT("provided")) ? NULL : interpreter->language,
        .argv = arguments(&launch->arena, interpreter, &version->config),
        .envp = variables.at,
        .memory_bytes = version->config.memory_mb << 20,
        .tmp_bytes = version->config.tmp_mb << 20,
        .pids = LIMIT_PROCESSES,
        .cpu_percent = cpu_percent(engine->options.settings, version->config.memory_mb),
        .host_network = version->config.host_network,
    };
}

const char *launch_program(const struct engine *engine, const struct version *version)
{
    bool exact;
    struct error err;
    const struct interpreter *interpreter = interpreters_resolve(
        engine->options.interpreters, text_of(version->config.runtime), &exact, &err);

    return interpreter && interpreter->program[0] ? interpreter->program : LAUNCH_BOOTSTRAP;
}

void launch_done(struct launch *launch)
{
    arena_done(&launch->arena);
}
