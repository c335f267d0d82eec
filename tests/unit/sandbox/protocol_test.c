/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/protocol.h"

#include <signal.h>

#include "base/mem.h"
#include "test.h"

#define CODE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char arg0[] = "/var/task/bootstrap", arg1[] = "", arg2[] = "a b";
static char env0[] = "A=1", env1[] = "B=";
static char *argv_some[] = {arg0, arg1, arg2, NULL};
static char *envp_some[] = {env0, env1, NULL};
static char *none[] = {NULL};

static struct sandbox_plan some_plan(void)
{
    return (struct sandbox_plan){
        .code = CODE,
        .runtime = "python3.11",
        .argv = argv_some,
        .envp = envp_some,
        .memory_bytes = 128 << 20,
        .tmp_bytes = 512 << 20,
        .pids = 1024,
        .cpu_percent = 7,
        .host_network = true,
    };
}

static void check_strings(char *const *got, char *const *want)
{
    for (; *want; got++, want++)
        CHECK_MSG(*got && strcmp(*got, *want) == 0, "'%s' is not '%s'", *got, *want);
    CHECK(!*got);
}

TEST(a_plan_arrives_as_it_was_sent)
{
    scoped(buffer_done) struct buffer message = {0};
    struct sandbox_plan plan = some_plan();
    struct request got;
    struct error err;

    CHECK(protocol_encode_start(UINT64_MAX - 1, &plan, &message, &err) == 0);
    CHECK_MSG(protocol_decode(message.at, message.len, &got, &err) == 0, "%s", err.text);
    CHECK(got.kind == REQUEST_START && got.id == UINT64_MAX - 1);
    CHECK(strcmp(got.plan.code, CODE) == 0 && strcmp(got.plan.runtime, "python3.11") == 0);
    check_strings(got.plan.argv, argv_some);
    check_strings(got.plan.envp, envp_some);
    CHECK(got.plan.memory_bytes == 128 << 20 && got.plan.tmp_bytes == 512 << 20);
    CHECK(got.plan.pids == 1024 && got.plan.cpu_percent == 7 && got.plan.host_network);
}

TEST(a_plan_needs_no_runtime_and_no_environment)
{
    scoped(buffer_done) struct buffer message = {0};
    struct sandbox_plan plan = some_plan();
    struct request got;
    struct error err;

    plan.runtime = NULL;
    plan.envp = none;
    plan.host_network = false;
    CHECK(protocol_encode_start(1, &plan, &message, &err) == 0);
    CHECK_MSG(protocol_decode(message.at, message.len, &got, &err) == 0, "%s", err.text);
    CHECK(!got.plan.runtime && !got.plan.envp[0] && !got.plan.host_network);
}

TEST(a_kill_arrives_as_it_was_sent)
{
    scoped(buffer_done) struct buffer message = {0};
    struct request got;
    struct error err;

    protocol_encode_kill(77, &message);
    CHECK(protocol_decode(message.at, message.len, &got, &err) == 0);
    CHECK(got.kind == REQUEST_KILL && got.id == 77);
}

TEST(a_plan_out_of_bounds_is_refused)
{
    static char relative[] = "bootstrap", nameless[] = "=1", bare[] = "A";
    static char *argv_relative[] = {relative, NULL}, *envp_nameless[] = {nameless, NULL},
                *envp_bare[] = {bare, NULL};
    const struct sandbox_plan usual = some_plan();
    struct sandbox_plan bad[24];
    size_t count = 0;

#define BAD(field, value)             \
    do {                              \
        bad[count] = usual;           \
        bad[count++].field = (value); \
    } while (0)
    BAD(code, "");
    BAD(code, "../0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd");
    BAD(code, "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef");
    BAD(code, CODE "0");
    BAD(runtime, "");
    BAD(runtime, "..");
    BAD(runtime, "a/b");
    BAD(runtime, "nodejs/");
    BAD(runtime, ".hidden");
    BAD(runtime, "a23456789012345678901234567890123");
    BAD(argv, none);
    BAD(argv, argv_relative);
    BAD(envp, envp_nameless);
    BAD(envp, envp_bare);
    BAD(memory_bytes, 0);
    BAD(memory_bytes, -1);
    BAD(memory_bytes, INT64_MAX);
    BAD(tmp_bytes, 0);
    BAD(tmp_bytes, INT64_MAX);
    BAD(pids, 0);
    BAD(pids, INT64_MAX);
    BAD(cpu_percent, 0);
    BAD(cpu_percent, INT64_MAX);

    for (size_t i = 0; i < count; i++) {
        scoped(buffer_done) struct buffer message = {0};
        struct error err = {0};
        struct request got;

        CHECK(protocol_encode_start(5, &bad[i], &message, &err) == 0);
        CHECK_MSG(protocol_decode(message.at, message.len, &got, &err) < 0, "plan %zu", i);
        CHECK(err.code == ERROR_INVALID && err.text[0]);
        CHECK(got.id == 5);
    }
}

TEST(a_plan_too_large_is_not_sent)
{
    static char large[SANDBOX_PLAN_BYTES_MAX], *one[] = {large, NULL};
    char *many_args[SANDBOX_ARGS_MAX + 2] = {0}, *many_env[SANDBOX_ENV_MAX + 2] = {0};
    scoped(buffer_done) struct buffer message = {0};
    struct sandbox_plan plan = some_plan();
    struct error err;

    memset(large, 'x', sizeof large - 1);
    for (size_t i = 0; i <= SANDBOX_ARGS_MAX; i++)
        many_args[i] = arg0;
    for (size_t i = 0; i <= SANDBOX_ENV_MAX; i++)
        many_env[i] = env0;
    plan.envp = one;
    CHECK(protocol_encode_start(1, &plan, &message, &err) < 0 && err.code == ERROR_LIMIT);
    plan.envp = many_env;
    CHECK(protocol_encode_start(1, &plan, &message, &err) < 0 && err.code == ERROR_LIMIT);
    plan = some_plan();
    plan.argv = many_args;
    CHECK(protocol_encode_start(1, &plan, &message, &err) < 0 && err.code == ERROR_LIMIT);
    CHECK(message.len == 0);

    many_args[SANDBOX_ARGS_MAX] = NULL;
    many_env[SANDBOX_ENV_MAX] = NULL;
    plan.envp = many_env;
    struct request got;
    CHECK(protocol_encode_start(1, &plan, &message, &err) == 0);
    CHECK_MSG(protocol_decode(message.at, message.len, &got, &err) == 0, "%s", err.text);
}

/* Every shorter message, and every message with one byte changed in its header. */
TEST(a_torn_or_altered_message_is_refused_or_still_sound)
{
    scoped(buffer_done) struct buffer message = {0};
    struct sandbox_plan plan = some_plan();
    struct request got;
    struct error err;

    CHECK(protocol_encode_start(1, &plan, &message, &err) == 0);
    for (size_t len = 0; len < message.len; len++) {
        /* Of exactly its size, so that a sanitizer sees a step too far. */
        scoped(free) char *torn = mem_copy(message.at, len ? len : 1);
        CHECK_MSG(protocol_decode(torn, len, &got, &err) < 0, "%zu bytes", len);
    }
    for (size_t at = 0; at < message.len; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            scoped(free) char *altered = mem_copy(message.at, message.len);
            altered[at] = (char)(altered[at] ^ 1 << bit);
            if (protocol_decode(altered, message.len, &got, &err) == 0 && got.kind == REQUEST_START)
                CHECK(strlen(got.plan.code) == SANDBOX_CODE_NAME_LEN && got.plan.argv[0]);
        }
}

TEST(an_event_arrives_as_it_was_sent)
{
    struct spawner_event sent = {
        .kind = SPAWNER_STARTED,
        .id = 9,
        .listeners = {5, -1, 6},
        .runtime_port = 65535,
        .memory_fd = -1,
        .freeze_fd = 7,
        .freeze_v2 = true,
        .status = SIGKILL,
        .out_of_memory = true,
        .memory_peak_bytes = INT64_C(1) << 40,
        .exec_errno = 2,
    };
    struct spawner_event got;
    struct error err;
    uint32_t fds;

    memset(sent.text, 'x', sizeof sent.text);
    const struct event_message message = protocol_event(&sent);
    CHECK(protocol_read_event(&message, sizeof message, &got, &fds, &err) == 0);
    CHECK(fds == (1u << EVENT_FD_LISTENER | 1u << (EVENT_FD_LISTENER + 2) | 1u << EVENT_FD_FREEZE));
    CHECK(got.kind == SPAWNER_STARTED && got.id == 9 && got.runtime_port == 65535);
    CHECK(got.freeze_v2 && got.out_of_memory && got.status == SIGKILL && got.exec_errno == 2);
    CHECK(got.memory_peak_bytes == INT64_C(1) << 40);
    CHECK(got.listeners[0] == -1 && got.memory_fd == -1 && got.freeze_fd == -1);
    CHECK(strlen(got.text) == sizeof got.text - 1);
}

TEST(what_is_no_event_is_refused)
{
    const struct spawner_event sent = {.listeners = {-1, -1, -1}, .memory_fd = -1, .freeze_fd = -1};
    const struct event_message good = protocol_event(&sent);
    struct event_message bad[] = {good, good, good, good};
    struct spawner_event got;
    struct error err;
    uint32_t fds;

    bad[0].magic++;
    bad[1].kind = SPAWNER_EXITED + 1;
    bad[2].fds = 1u << EVENT_FD_COUNT;
    bad[3].runtime_port = 65536;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK_MSG(protocol_read_event(&bad[i], sizeof bad[i], &got, &fds, &err) < 0, "event %zu",
                  i);
    CHECK(protocol_read_event(&good, sizeof good - 1, &got, &fds, &err) < 0);
    CHECK(protocol_read_event(&good, sizeof good, &got, &fds, &err) == 0);
}
