/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "sandbox/plan.h"
#include "sandbox/spawner.h"

/*
 * The messages between daemon and spawner, one a packet. A request is a fixed header
 * and NUL-terminated strings behind it; an event is a fixed struct. Both are only ever
 * exchanged by two halves of one program on one machine, so numbers are in host order.
 *
 * The spawner holds the privileges, so it believes nothing: protocol_decode() checks
 * every length, count, range and name before anything acts on it.
 */
enum request_kind { REQUEST_START = 1, REQUEST_KILL };

#define SANDBOX_CODE_NAME_LEN 64 /* a SHA-256 in hex */
#define SANDBOX_RUNTIME_NAME_MAX 32
#define SANDBOX_MEMORY_MIN (4 << 20) /* bytes; below it nothing starts */
#define SANDBOX_MEMORY_MAX (INT64_C(1) << 40)
#define SANDBOX_TMP_MIN (64 << 10)
#define SANDBOX_TMP_MAX (INT64_C(1) << 40)
#define SANDBOX_PIDS_MAX (INT64_C(1) << 22) /* the kernel's PID_MAX_LIMIT */
#define SANDBOX_CPU_PERCENT_MAX (INT64_C(100) * 4096)

struct request {
    enum request_kind kind;
    uint64_t id;
    struct sandbox_plan plan; /* REQUEST_START only; points into the message and below */
    char *argv[SANDBOX_ARGS_MAX + 1];
    char *envp[SANDBOX_ENV_MAX + 1];
};

/* Appends the message. Fails with ERROR_LIMIT when it would exceed
 * SANDBOX_PLAN_BYTES_MAX or a count, and appends nothing then. */
int protocol_encode_start(uint64_t id, const struct sandbox_plan *plan, struct buffer *out,
                          struct error *err);
void protocol_encode_kill(uint64_t id, struct buffer *out);

/* Reads one message of len bytes; ret->plan borrows from message, which must stay and
 * be aligned as malloc aligns. ERROR_INVALID for anything but what the encoders write.
 * ret->id is set (0 when even that is missing) also on failure. */
int protocol_decode(char *message, size_t len, struct request *ret, struct error *err);

/* An event as it travels; its descriptors go along in the order of their bits. */
struct event_message {
    uint32_t magic;
    uint32_t kind; /* enum spawner_event_kind */
    uint64_t id;
    int64_t memory_peak_bytes;
    int32_t status;
    int32_t exec_errno;
    uint32_t runtime_port;
    uint32_t flags; /* EVENT_* */
    uint32_t fds;   /* bit n: descriptor n of enum event_fd follows */
    int32_t pid;    /* as the sender sees it; the receiver takes the credentials' */
    char text[200];
};
#define EVENT_MAGIC 0x45766b31u
#define EVENT_OUT_OF_MEMORY 1u
#define EVENT_FREEZE_V2 2u

enum event_fd {
    EVENT_FD_LISTENER, /* LISTENER_COUNT of them */
    EVENT_FD_MEMORY = EVENT_FD_LISTENER + LISTENER_COUNT,
    EVENT_FD_FREEZE,
    EVENT_FD_COUNT,
};

/* The event as it travels; its descriptors other than -1 are announced in fds. */
struct event_message protocol_event(const struct spawner_event *event);

/* Reads one event. Its descriptors become -1; ret_fds tells which ones came along. */
int protocol_read_event(const void *bytes, size_t len, struct spawner_event *ret, uint32_t *ret_fds,
                        struct error *err);
