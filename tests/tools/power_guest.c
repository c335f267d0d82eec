/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/event_store.h"

/*
 * The first process of a virtual machine whose power is cut (tests/scenario/test_power_cut.py).
 * It opens the event store on the machine's disk and tells on the console, a line each:
 *
 *     found 7 19       7, 9, 11 ... 19 are there, whole
 *     ready            that were all
 *     +21              21 was put, and that was acknowledged
 *     -4               4 was deleted, and that was acknowledged
 *     broken: ...      why it does not go on
 *
 * Odd numbers are put and stay. Even ones are deleted when they are acknowledged. The kernel's
 * command line says first=N (the number to begin with) and sync=no (the control: nothing is
 * synced).
 */
#define AT_ONCE 32
#define NUMBERS (1 << 22)
#define BODY_MOST 1500
#define SEGMENT (256 << 10) /* small: files begin, move and go all the time */

struct work {
    struct event_write write;
    struct event_change change;
    uint32_t number;
    char note[16], body[BODY_MOST];
    struct guest *guest;
};

struct guest {
    struct event_store *store;
    struct loop *home;
    struct event_receiver receiver;
    struct event_read read;
    struct list found;
    struct event *checked;
    bool *is_there; /* by number */
    bool is_ready;
    uint32_t next;
    struct work works[AT_ONCE];
};

static bool is_synced = true;

/* Instead of libc's. */
int fdatasync(int fd)
{
    return is_synced ? (int)syscall(SYS_fdatasync, fd) : 0;
}

int fsync(int fd)
{
    return is_synced ? (int)syscall(SYS_fsync, fd) : 0;
}

static void give_up(const char *why)
{
    printf("broken: %s\n", why);
    for (;;)
        (void)pause(); /* the first process must not end */
}

static size_t body_len(uint32_t number)
{
    return number * UINT32_C(7919) % BODY_MOST;
}

static void make_body(uint32_t number, char *body)
{
    memset(body, (int)('a' + number % 26), body_len(number));
}

/* --- writing --- */

static void put_next(struct work *work)
{
    struct guest *guest = work->guest;

    work->number = guest->next++;
    if (work->number >= NUMBERS)
        give_up("numbers have run out");
    snprintf(work->note, sizeof work->note, "%u", work->number);
    make_body(work->number, work->body);
    work->change = (struct event_change){
        .action = EVENT_PUT,
        .lane = work->number % 3 ? TEXT("queue/a") : TEXT("queue/b"),
        .note = text_of(work->note),
        .body = text_from(work->body, body_len(work->number)),
    };
    event_store_write(guest->store, &work->write);
}

static void on_written(struct event_write *write, bool failed, const struct error *err)
{
    struct work *work = container_of(write, struct work, write);
    bool was_put = work->change.action == EVENT_PUT;

    if (failed)
        give_up(err->text);
    printf("%c%u\n", was_put ? '+' : '-', work->number);
    if (was_put && work->number % 2 == 0) {
        work->change = (struct event_change){.action = EVENT_DELETE, .id = work->change.id};
        event_store_write(work->guest->store, &work->write);
        return;
    }
    put_next(work);
}

static void begin(struct guest *guest)
{
    guest->is_ready = true;
    for (size_t i = 0; i < AT_ONCE; i++) {
        struct work *work = &guest->works[i];
        *work = (struct work){.guest = guest};
        work->write = (struct event_write){
            .done = on_written, .loop = guest->home, .changes = &work->change, .count = 1};
        put_next(work);
    }
}

/* --- what is found --- */

static void tell_found(const bool *is_there)
{
    for (uint32_t parity = 0; parity < 2; parity++)
        for (uint32_t at = parity; at < NUMBERS; at += 2) {
            uint32_t first = at;
            while (at < NUMBERS && is_there[at])
                at += 2;
            if (at > first)
                printf("found %u %u\n", first, at - 2);
        }
    puts("ready");
}

static void check_next(struct guest *guest)
{
    struct list *node = list_pop(&guest->found);

    if (!node) {
        tell_found(guest->is_there);
        begin(guest);
        return;
    }
    guest->checked = container_of(node, struct event, link);
    guest->read.id = guest->checked->id;
    event_store_read(guest->store, &guest->read);
}

static void on_read(struct event_read *read, bool failed, const struct error *err)
{
    struct guest *guest = container_of(read, struct guest, read);
    uint32_t number = (uint32_t)strtoul(guest->checked->note.at, NULL, 10);
    char want[BODY_MOST];

    if (failed)
        give_up(err->text);
    make_body(number, want);
    if (number >= NUMBERS || guest->is_there[number] ||
        !text_equal(buffer_text(&read->body), text_from(want, body_len(number))))
        give_up("a record is not what was put");
    guest->is_there[number] = true;
    buffer_done(&read->body);
    event_free(guest->checked);
    check_next(guest);
}

static void on_arrived(struct event_receiver *receiver, struct list *events)
{
    struct guest *guest = container_of(receiver, struct guest, receiver);

    for (struct list *node; (node = list_pop(events));)
        if (guest->is_ready)
            event_free(container_of(node, struct event, link));
        else
            list_push(&guest->found, node);
}

static struct loop *home_of(struct event_receiver *receiver, struct text lane)
{
    return container_of(receiver, struct guest, receiver)->home;
}

/* Answered when all that was left has been told. */
static void on_told(struct event_read *read, bool failed, const struct error *err)
{
    read->done = on_read;
    check_next(container_of(read, struct guest, read));
}

/* --- the machine --- */

static void mount_disk(void)
{
    if (mount("dev", "/dev", "devtmpfs", 0, NULL) < 0 ||
        mount("/dev/nvme0n1", "/disk", "ext4", 0, NULL) < 0)
        give_up(strerror(errno));
}

int main(void)
{
    const struct event_store_options options = {
        .folder = "/disk", .max_bytes = INT64_C(1) << 40, .segment_bytes = SEGMENT};
    const char *first = getenv("first"), *sync_word = getenv("sync");
    struct guest *guest = mem_new(struct guest);
    struct error err;

    setvbuf(stdout, NULL, _IOLBF, 0);
    is_synced = !sync_word || strcmp(sync_word, "no") != 0;
    mount_disk();
    *guest = (struct guest){
        .receiver = {.kind = LANE_QUEUE, .home = home_of, .arrived = on_arrived},
        .read = {.done = on_told},
        .home = loop_new("home"),
        .next = first ? (uint32_t)strtoul(first, NULL, 10) : 1,
        .is_there = mem_zalloc(NUMBERS * sizeof(bool)),
    };
    guest->read.loop = guest->home;
    list_init(&guest->found);
    guest->store = event_store_open(&options, &err);
    if (!guest->store)
        give_up(err.text);
    puts("opened");
    event_store_subscribe(guest->store, &guest->receiver);
    event_store_start(guest->store);
    event_store_read(guest->store, &guest->read);
    loop_run(guest->home);
    give_up("the loop has ended");
}
