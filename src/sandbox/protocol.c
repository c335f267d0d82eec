/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/protocol.h"

#include <string.h>

#define REQUEST_MAGIC 0x45766b30u
#define FLAG_HOST_NETWORK 1u
#define FLAG_RUNTIME 2u

/* What every request starts with; a REQUEST_KILL has zeros after the id. The strings
 * follow: code, the runtime when flagged, the arguments, the environment. */
struct header {
    uint32_t magic;
    uint32_t kind;
    uint64_t id;
    int64_t memory_bytes, tmp_bytes, pids, cpu_percent;
    uint32_t flags;
    uint32_t argc, envc;
    uint32_t string_bytes;
};

static void add_string(struct buffer *out, const char *string)
{
    buffer_add(out, string, strlen(string) + 1);
}

/* The number of strings, or -1 when there are more than max. */
static int count_strings(char *const *strings, int max)
{
    int count = 0;

    while (strings[count])
        if (++count > max)
            return -1;
    return count;
}

static size_t strings_bytes(char *const *strings)
{
    size_t sum = 0;

    for (; *strings; strings++)
        sum += strlen(*strings) + 1;
    return sum;
}

int protocol_encode_start(uint64_t id, const struct sandbox_plan *plan, struct buffer *out,
                          struct error *err)
{
    int argc = count_strings(plan->argv, SANDBOX_ARGS_MAX);
    int envc = count_strings(plan->envp, SANDBOX_ENV_MAX);

    if (argc < 0)
        return error_set(err, ERROR_LIMIT, "a sandbox has at most %d arguments", SANDBOX_ARGS_MAX);
    if (envc < 0)
        return error_set(err, ERROR_LIMIT, "a sandbox has at most %d environment variables",
                         SANDBOX_ENV_MAX);

    size_t bytes = strlen(plan->code) + 1 + strings_bytes(plan->argv) + strings_bytes(plan->envp);
    if (plan->runtime)
        bytes += strlen(plan->runtime) + 1;
    if (bytes + sizeof(struct header) > SANDBOX_PLAN_BYTES_MAX)
        return error_set(err, ERROR_LIMIT, "environment and arguments exceed %d bytes",
                         SANDBOX_PLAN_BYTES_MAX - (int)sizeof(struct header));

    const struct header header = {
        .magic = REQUEST_MAGIC,
        .kind = REQUEST_START,
        .id = id,
        .memory_bytes = plan->memory_bytes,
        .tmp_bytes = plan->tmp_bytes,
        .pids = plan->pids,
        .cpu_percent = plan->cpu_percent,
        .flags = (plan->host_network ? FLAG_HOST_NETWORK : 0) | (plan->runtime ? FLAG_RUNTIME : 0),
        .argc = (uint32_t)argc,
        .envc = (uint32_t)envc,
        .string_bytes = (uint32_t)bytes,
    };
    buffer_add(out, &header, sizeof header);
    add_string(out, plan->code);
    if (plan->runtime)
        add_string(out, plan->runtime);
    for (char *const *arg = plan->argv; *arg; arg++)
        add_string(out, *arg);
    for (char *const *variable = plan->envp; *variable; variable++)
        add_string(out, *variable);
    return 0;
}

void protocol_encode_kill(uint64_t id, struct buffer *out)
{
    const struct header header = {.magic = REQUEST_MAGIC, .kind = REQUEST_KILL, .id = id};

    buffer_add(out, &header, sizeof header);
}

/* Takes the next NUL-terminated string; NULL when there is none. */
static char *next_string(char **at, const char *end)
{
    char *string = *at;
    char *nul = string < end ? memchr(string, '\0', (size_t)(end - string)) : NULL;

    if (!nul)
        return NULL;
    *at = nul + 1;
    return string;
}

static int next_strings(char **at, const char *end, uint32_t count, char *ret[], struct error *err)
{
    for (uint32_t i = 0; i < count; i++)
        if (!(ret[i] = next_string(at, end)))
            return error_set(err, ERROR_INVALID, "a plan lacks strings");
    ret[count] = NULL;
    return 0;
}

static bool is_code_name(const char *name)
{
    return strspn(name, "0123456789abcdef") == SANDBOX_CODE_NAME_LEN &&
           name[SANDBOX_CODE_NAME_LEN] == '\0';
}

/* Begins with a letter, so neither "..", nor hidden, nor a path. */
static bool is_runtime_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_");

    return len > 0 && len <= SANDBOX_RUNTIME_NAME_MAX && name[len] == '\0' && name[0] >= 'a' &&
           name[0] <= 'z';
}

static int check_names(const struct sandbox_plan *plan, struct error *err)
{
    if (!is_code_name(plan->code))
        return error_set(err, ERROR_INVALID, "a code folder is named by 64 hex digits");
    if (plan->runtime && !is_runtime_name(plan->runtime))
        return error_set(err, ERROR_INVALID, "a runtime is named by at most %d letters and digits",
                         SANDBOX_RUNTIME_NAME_MAX);
    if (!plan->argv[0] || plan->argv[0][0] != '/')
        return error_set(err, ERROR_INVALID, "a sandbox's program is given by an absolute path");
    for (char *const *variable = plan->envp; *variable; variable++)
        if (!strchr(*variable, '=') || **variable == '=')
            return error_set(err, ERROR_INVALID, "an environment variable has the form name=value");
    return 0;
}

static int check_sizes(const struct sandbox_plan *plan, struct error *err)
{
    const struct {
        const char *name;
        int64_t value, min, max;
    } sizes[] = {
        {"memory", plan->memory_bytes, SANDBOX_MEMORY_MIN, SANDBOX_MEMORY_MAX},
        {"/tmp", plan->tmp_bytes, SANDBOX_TMP_MIN, SANDBOX_TMP_MAX},
        {"number of processes", plan->pids, 1, SANDBOX_PIDS_MAX},
        {"share of the processor", plan->cpu_percent, 1, SANDBOX_CPU_PERCENT_MAX},
    };

    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        if (sizes[i].value < sizes[i].min || sizes[i].value > sizes[i].max)
            return error_set(err, ERROR_INVALID, "a sandbox's %s is %lld to %lld", sizes[i].name,
                             (long long)sizes[i].min, (long long)sizes[i].max);
    return 0;
}

static int decode_strings(const struct header *header, char *at, struct request *ret,
                          struct error *err)
{
    char *const end = at + header->string_bytes;

    ret->plan.code = next_string(&at, end);
    if (ret->plan.code && header->flags & FLAG_RUNTIME)
        if (!(ret->plan.runtime = next_string(&at, end)))
            ret->plan.code = NULL;
    if (!ret->plan.code)
        return error_set(err, ERROR_INVALID, "a plan lacks strings");
    if (next_strings(&at, end, header->argc, ret->argv, err) < 0 ||
        next_strings(&at, end, header->envc, ret->envp, err) < 0)
        return -1;
    if (at != end)
        return error_set(err, ERROR_INVALID, "a plan has bytes behind its strings");
    return 0;
}

static int decode_start(const struct header *header, char *strings, struct request *ret,
                        struct error *err)
{
    if (header->flags & ~(FLAG_HOST_NETWORK | FLAG_RUNTIME))
        return error_set(err, ERROR_INVALID, "a plan has unknown flags");
    if (header->argc > SANDBOX_ARGS_MAX || header->envc > SANDBOX_ENV_MAX)
        return error_set(err, ERROR_INVALID, "a plan has too many strings");

    ret->plan = (struct sandbox_plan){
        .argv = ret->argv,
        .envp = ret->envp,
        .memory_bytes = header->memory_bytes,
        .tmp_bytes = header->tmp_bytes,
        .pids = header->pids,
        .cpu_percent = header->cpu_percent,
        .host_network = header->flags & FLAG_HOST_NETWORK,
    };
    if (decode_strings(header, strings, ret, err) < 0 || check_names(&ret->plan, err) < 0)
        return -1;
    return check_sizes(&ret->plan, err);
}

static bool is_bare(const struct header *header)
{
    return !header->memory_bytes && !header->tmp_bytes && !header->pids && !header->cpu_percent &&
           !header->flags && !header->argc && !header->envc && !header->string_bytes;
}

int protocol_decode(char *message, size_t len, struct request *ret, struct error *err)
{
    struct header header;

    ret->id = 0;
    if (len < sizeof header || len > SANDBOX_PLAN_BYTES_MAX)
        return error_set(err, ERROR_INVALID, "a request of %zu bytes", len);
    memcpy(&header, message, sizeof header);
    if (header.magic != REQUEST_MAGIC || header.string_bytes != len - sizeof header)
        return error_set(err, ERROR_INVALID, "a request that is none");

    ret->id = header.id;
    switch (header.kind) {
    case REQUEST_START:
        ret->kind = REQUEST_START;
        return decode_start(&header, message + sizeof header, ret, err);
    case REQUEST_KILL:
        ret->kind = REQUEST_KILL;
        if (is_bare(&header))
            return 0;
    }
    return error_set(err, ERROR_INVALID, "a request of unknown kind %u", header.kind);
}

struct event_message protocol_event(const struct spawner_event *event)
{
    struct event_message message = {
        .magic = EVENT_MAGIC,
        .kind = event->kind,
        .id = event->id,
        .memory_peak_bytes = event->memory_peak_bytes,
        .status = event->status,
        .exec_errno = event->exec_errno,
        .runtime_port = event->runtime_port,
        .flags = (event->out_of_memory ? EVENT_OUT_OF_MEMORY : 0) |
                 (event->freeze_v2 ? EVENT_FREEZE_V2 : 0),
        .pid = event->pid,
    };

    for (int i = 0; i < LISTENER_COUNT; i++)
        message.fds |= event->listeners[i] >= 0 ? 1u << (EVENT_FD_LISTENER + i) : 0;
    message.fds |= event->memory_fd >= 0 ? 1u << EVENT_FD_MEMORY : 0;
    message.fds |= event->freeze_fd >= 0 ? 1u << EVENT_FD_FREEZE : 0;
    memcpy(message.text, event->text, sizeof message.text);
    message.text[sizeof message.text - 1] = '\0';
    return message;
}

int protocol_read_event(const void *bytes, size_t len, struct spawner_event *ret, uint32_t *ret_fds,
                        struct error *err)
{
    struct event_message message;

    if (len != sizeof message)
        return error_set(err, ERROR_INVALID, "an event of %zu bytes", len);
    memcpy(&message, bytes, sizeof message);
    if (message.magic != EVENT_MAGIC || message.kind > SPAWNER_EXITED ||
        message.fds >> EVENT_FD_COUNT || message.runtime_port > UINT16_MAX)
        return error_set(err, ERROR_INVALID, "an event that is none");

    *ret = (struct spawner_event){
        .kind = (enum spawner_event_kind)message.kind,
        .id = message.id,
        .pid = message.pid,
        .listeners = {-1, -1, -1},
        .runtime_port = (uint16_t)message.runtime_port,
        .memory_fd = -1,
        .freeze_fd = -1,
        .freeze_v2 = message.flags & EVENT_FREEZE_V2,
        .status = message.status,
        .out_of_memory = message.flags & EVENT_OUT_OF_MEMORY,
        .memory_peak_bytes = message.memory_peak_bytes,
        .exec_errno = message.exec_errno,
    };
    memcpy(ret->text, message.text, sizeof ret->text);
    ret->text[sizeof ret->text - 1] = '\0';
    *ret_fds = message.fds;
    return 0;
}
