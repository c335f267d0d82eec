/* SPDX-License-Identifier: Apache-2.0 */
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "base/path.h"
#include "store/event_store.h"
#include "test.h"

/*
 * Kills a process that uses the store, again and again (EVOKE_KILLS times), while it puts, sets,
 * deletes and moves records as fast as it can. What it has been told is in memory that it
 * shares with us; each next process first compares that with what the store tells it:
 * everything acknowledged is there, nothing that was acknowledged as deleted is back, a
 * move was made or was not.
 */
#define SLOTS 2000
#define AT_ONCE 50
#define BODY_MOST 3000
#define KILLS 20
#define SEGMENT (256 << 10) /* small: files begin, move and go all the time */

enum state { ABSENT, PUTTING, PRESENT, SETTING, DELETING, LEAVING, COMING };

/* What is known of one record that may exist. Its generation rises with each put. */
struct slot {
    enum state state;
    uint32_t generation, notes; /* how many SETs were acknowledged */
    uint32_t partner;           /* LEAVING, COMING: the other end of the move */
    uint64_t id;
    bool found;
    uint32_t found_notes;
};

/* Shared by all processes; each child is alone with it while it lives. */
struct ledger {
    struct slot slots[SLOTS];
    uint64_t random;
    uint64_t acknowledged;
    bool is_broken;
    char why[200];
};

/* What a child has beside. */
struct child {
    struct ledger *ledger;
    struct event_store *store;
    struct loop *home;
    struct event_receiver receiver;
    struct work {
        struct event_write write;
        struct event_change changes[2];
        uint32_t slot;
        char note[64], body[BODY_MOST], lane[32];
        struct child *child;
    } works[AT_ONCE];
    struct loop_message go;
    struct event_read settle;
    uint64_t report_after; /* acknowledgements; 0: only look */
    int report;
};

static void fail_child(struct ledger *ledger, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

static void fail_child(struct ledger *ledger, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(ledger->why, sizeof ledger->why, format, args);
    va_end(args);
    ledger->is_broken = true;
    _exit(1);
}

static uint32_t random_below(struct ledger *ledger, uint32_t limit)
{
    ledger->random = ledger->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(ledger->random >> 33) % limit;
}

/* --- what a child finds --- */

static void check_found(struct ledger *ledger, uint32_t index)
{
    struct slot *slot = &ledger->slots[index];
    bool found = slot->found;

    if (found && slot->state == ABSENT)
        fail_child(ledger, "slot %u: generation %u is back", index, slot->generation);
    if (!found && (slot->state == PRESENT || slot->state == SETTING))
        fail_child(ledger, "slot %u: generation %u is lost", index, slot->generation);
    if (slot->state == LEAVING && found == ledger->slots[slot->partner].found)
        fail_child(ledger, "slot %u: half a move to %u: %d", index, slot->partner, found);
    if (found && slot->found_notes != slot->notes &&
        !(slot->state == SETTING && slot->found_notes == slot->notes + 1))
        fail_child(ledger, "slot %u: note %u, not %u", index, slot->found_notes, slot->notes);
}

static void check_all(struct ledger *ledger)
{
    for (uint32_t i = 0; i < SLOTS; i++)
        check_found(ledger, i);
    for (uint32_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &ledger->slots[i];
        slot->state = slot->found ? PRESENT : ABSENT;
        slot->notes = slot->found_notes;
    }
}

static void on_found(struct event_receiver *receiver, struct list *events)
{
    struct child *child = container_of(receiver, struct child, receiver);

    for (struct list *node; (node = list_pop(events));) {
        struct event *event = container_of(node, struct event, link);
        uint32_t index, generation, notes;
        if (event->has_body && event->body_len > 0) { /* one of those put since */
            event_free(event);
            continue;
        }
        if (sscanf(event->note.at, "%u %u %u", &index, &generation, &notes) != 3 || index >= SLOTS)
            fail_child(child->ledger, "the note '%s' is none of ours", event->note.at);
        struct slot *slot = &child->ledger->slots[index];
        if (generation != slot->generation || slot->found)
            fail_child(child->ledger, "slot %u: generation %u beside %u", index, generation,
                       slot->generation);
        slot->found = true;
        slot->found_notes = notes;
        slot->id = event->id;
        event_free(event);
    }
}

static struct loop *home_of(struct event_receiver *receiver, struct text lane)
{
    return container_of(receiver, struct child, receiver)->home;
}

/* --- what a child does --- */

static void tell(int report)
{
    if (write(report, "+", 1) != 1)
        _exit(1);
}

static void make_put(struct work *work, uint32_t index, struct event_change *change)
{
    struct ledger *ledger = work->child->ledger;
    struct slot *slot = &ledger->slots[index];

    slot->generation++;
    slot->notes = 0;
    snprintf(work->note, sizeof work->note, "%u %u 0", index, slot->generation);
    snprintf(work->lane, sizeof work->lane, "queue/%u", index % 7);
    size_t len = 1 + random_below(ledger, BODY_MOST);
    memset(work->body, (int)('a' + index % 26), len);
    *change = (struct event_change){.action = EVENT_PUT,
                                    .lane = text_of(work->lane),
                                    .note = text_of(work->note),
                                    .body = text_from(work->body, len)};
}

static void make_set(struct work *work, uint32_t index, struct event_change *change)
{
    const struct slot *slot = &work->child->ledger->slots[index];

    snprintf(work->note, sizeof work->note, "%u %u %u", index, slot->generation, slot->notes + 1);
    *change =
        (struct event_change){.action = EVENT_SET, .id = slot->id, .note = text_of(work->note)};
}

/* Moves to the next absent slot, or only deletes. */
static void make_move(struct work *work, uint32_t index)
{
    struct ledger *ledger = work->child->ledger;
    struct slot *slot = &ledger->slots[index];
    uint32_t other = (index + 1) % SLOTS;

    work->changes[0] = (struct event_change){.action = EVENT_DELETE, .id = slot->id};
    slot->state = DELETING;
    if (ledger->slots[other].state != ABSENT)
        return;
    make_put(work, other, &work->changes[1]);
    work->write.count = 2;
    slot->state = LEAVING;
    slot->partner = other;
    ledger->slots[other].state = COMING;
    ledger->slots[other].partner = index;
}

static void next_work(struct work *work);

static void on_done(struct event_write *write, bool failed, const struct error *err)
{
    struct work *work = container_of(write, struct work, write);
    struct ledger *ledger = work->child->ledger;
    struct slot *slot = &ledger->slots[work->slot];

    if (failed)
        fail_child(ledger, "a write failed: %s", err->text);
    if (slot->state == PUTTING)
        slot->id = work->changes[0].id;
    if (slot->state == LEAVING) {
        ledger->slots[slot->partner].id = work->changes[1].id;
        ledger->slots[slot->partner].state = PRESENT;
    }
    slot->notes += slot->state == SETTING;
    atomic_signal_fence(memory_order_seq_cst); /* a kill sees them in this order */
    slot->state = slot->state == PUTTING || slot->state == SETTING ? PRESENT : ABSENT;
    if (++ledger->acknowledged == work->child->report_after)
        tell(work->child->report);
    next_work(work);
}

static void next_work(struct work *work)
{
    struct ledger *ledger = work->child->ledger;
    struct slot *slot;

    do {
        work->slot = random_below(ledger, SLOTS);
        slot = &ledger->slots[work->slot];
    } while (slot->state != ABSENT && slot->state != PRESENT);
    work->write = (struct event_write){
        .done = on_done, .loop = work->child->home, .changes = work->changes, .count = 1};
    if (slot->state == ABSENT) {
        make_put(work, work->slot, &work->changes[0]);
        slot->state = PUTTING;
    } else if (random_below(ledger, 3) == 0) {
        make_set(work, work->slot, &work->changes[0]);
        slot->state = SETTING;
    } else {
        make_move(work, work->slot);
    }
    event_store_write(work->child->store, &work->write);
}

static void on_settled(struct event_read *read, bool failed, const struct error *err)
{
    struct child *child = container_of(read, struct child, settle);

    check_all(child->ledger);
    if (child->report_after == 0)
        _exit(0);
    for (size_t i = 0; i < AT_ONCE; i++) {
        child->works[i].child = child;
        next_work(&child->works[i]);
    }
}

/* --- one life --- */

/* Never returns. */
static void live(struct ledger *ledger, const char *folder, int report, uint64_t report_after)
{
    const struct event_store_options options = {
        .folder = folder, .max_bytes = INT64_C(1) << 40, .segment_bytes = SEGMENT};
    struct child *child = mem_new(struct child);
    struct error err;

    *child = (struct child){
        .ledger = ledger,
        .receiver = {.kind = LANE_QUEUE, .home = home_of, .arrived = on_found},
        .settle = {.done = on_settled},
        .report = report,
        .report_after = report_after,
    };
    for (uint32_t i = 0; i < SLOTS; i++) {
        ledger->slots[i].found = false;
        ledger->slots[i].found_notes = 0;
    }
    child->home = child->settle.loop = loop_new("home");
    child->store = event_store_open(&options, &err);
    if (!child->store)
        fail_child(ledger, "the store does not open: %s", err.text);
    event_store_subscribe(child->store, &child->receiver);
    event_store_start(child->store);
    event_store_read(child->store, &child->settle); /* answered when all is told */
    loop_run(child->home);
    _exit(1);
}

static pid_t start(struct ledger *ledger, const char *folder, bool in_opening,
                   uint64_t report_after, int *ret_report)
{
    int ends[2];

    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(ends[0]);
        if (in_opening)
            tell(ends[1]);
        live(ledger, folder, ends[1], report_after);
    }
    close(ends[1]);
    *ret_report = ends[0];
    return child;
}

static int wait_for_end(const struct ledger *ledger, pid_t child)
{
    int status;

    CHECK(waitpid(child, &status, 0) == child);
    CHECK_MSG(!ledger->is_broken, "%s", ledger->why);
    return status;
}

/* Starts one, and kills it when it has had that many more writes acknowledged. */
static void kill_one(struct ledger *ledger, const char *folder, bool in_opening, uint64_t more)
{
    int report;
    char plus;
    pid_t child = start(ledger, folder, in_opening, ledger->acknowledged + more, &report);
    bool told = read(report, &plus, 1) == 1;

    if (told)
        CHECK(kill(child, SIGKILL) == 0);
    int status = wait_for_end(ledger, child);
    CHECK(told && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(report);
}

TEST(a_killed_process_loses_nothing_and_brings_nothing_back)
{
    const char *asked = getenv("EVOKE_KILLS");
    int64_t kills = KILLS;
    char folder[] = "/tmp/evoke-kill-XXXXXX";
    struct error err;
    int report;

    CHECK(!asked || text_to_int(text_of(asked), 1, 1000000, &kills));
    CHECK(mkdtemp(folder));
    struct ledger *ledger =
        mmap(NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(ledger != MAP_FAILED);
    for (int64_t i = 0; i < kills; i++)
        kill_one(ledger, folder, i % 8 == 7, 1 + random_below(ledger, 2000));
    pid_t child = start(ledger, folder, /* in_opening= */ false, 0, &report);
    CHECK(wait_for_end(ledger, child) == 0);
    close(report);
    print_message("%lld kills, %llu writes acknowledged\n", (long long)kills,
                  (unsigned long long)ledger->acknowledged);
    CHECK(ledger->acknowledged > (uint64_t)kills);
    CHECK(munmap(ledger, sizeof *ledger) == 0);
    CHECK(path_remove_tree(folder, &err) == 0);
}
