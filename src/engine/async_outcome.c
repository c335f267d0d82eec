/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/async_priv.h"

#include "base/clock.h"

/* What becomes of an event after an attempt: done with, tried again, or given up. */

static const struct function *find_function(const struct task *task)
{
    const struct function_lane *names = &task->lane->names;

    return directory_find(&task->lane->async->shard->directory, names->account, names->region,
                          names->name);
}

static const struct event_invoke *settings_of(const struct function *function,
                                              const struct note *note)
{
    return function_event_invoke(function, note->qualifier);
}

static int64_t max_retries(const struct function *function, const struct note *note)
{
    const struct event_invoke *given = settings_of(function, note);

    return given && given->max_retries >= 0 ? given->max_retries : LIMIT_ASYNC_RETRIES;
}

int64_t async_max_age_ms(const struct function *function, const struct note *note)
{
    const struct event_invoke *given = settings_of(function, note);

    return 1000 * (given && given->max_age_s >= 0 ? given->max_age_s : LIMIT_ASYNC_AGE_S);
}

/* Who ran counts. What hears of a chain that was stopped may run once more, and is the last. */
static int64_t hops_after(const struct task *task)
{
    if (task->invocation)
        return task->note.hops + 1;
    return task->note.hops < LIMIT_HOPS ? task->note.hops : LIMIT_HOPS - 1;
}

static void drop(struct task *task)
{
    async_delete(task->lane->async, task->event->id);
    task_free(task);
}

/* Off the lane, and onto those two as far as they are set. */
static void finish(struct task *task, const struct outcome *outcome, const char *destination,
                   const char *dead_letter)
{
    task->changes[0] = (struct event_change){.action = EVENT_DELETE, .id = task->event->id};
    task->change_count = 1;
    if (destination && *destination && record_put(outcome, text_of(destination), task))
        task->change_count++;
    if (dead_letter && *dead_letter && record_dead_letter(outcome, text_of(dead_letter), task))
        task->change_count++;
    if (task->change_count == 1)
        drop(task);
    else
        async_move(task);
}

static void fail_for_good(struct task *task, const struct function *function,
                          const struct outcome *outcome)
{
    const struct event_invoke *given = settings_of(function, &task->note);
    const struct version *version = function_version(function, task->note.qualifier);

    finish(task, outcome, given ? given->on_failure : NULL,
           version ? version->config.dead_letter : NULL);
}

void async_give_up(struct task *task, const struct function *function, const char *condition,
                   struct text error_code, struct text error_message)
{
    const struct outcome outcome = {.task = task,
                                    .invocation = task->invocation,
                                    .condition = condition,
                                    .error_code = error_code,
                                    .error_message = error_message,
                                    .hops = hops_after(task)};

    fail_for_good(task, function, &outcome);
}

static void succeed(struct task *task, const struct function *function)
{
    const struct event_invoke *given = settings_of(function, &task->note);
    const struct outcome outcome = {.task = task,
                                    .invocation = task->invocation,
                                    .condition = "Success",
                                    .hops = hops_after(task)};

    finish(task, &outcome, given ? given->on_success : NULL, NULL);
}

/* The age is checked ahead, as AWS does: what would be too old when its turn comes is given
 * up at once. */
static void fail(struct task *task, const struct function *function)
{
    const struct settings *settings = task->lane->async->shard->engine->options.settings;
    struct note *note = &task->note;
    int64_t due_ms = clock_now_ms() + settings->async_retry_ms * note->attempts;

    note->error_code = TEXT("200");
    note->error_message = record_error_message(task->invocation, &task->arena);
    if (note->attempts > max_retries(function, note))
        async_give_up(task, function, "RetriesExhausted", note->error_code, note->error_message);
    else if (due_ms - note->first_ms >= async_max_age_ms(function, note))
        async_give_up(task, function, "EventAgeExceeded", note->error_code, note->error_message);
    else
        async_delay(task, due_ms);
}

void async_conclude(struct task *task)
{
    const struct function *function = find_function(task);

    task->note.attempts++;
    if (!function)
        drop(task); /* deleted meanwhile, and its settings with it */
    else if (task->invocation->outcome == INVOCATION_OK)
        succeed(task, function);
    else
        fail(task, function);
}

void async_abandon(struct task *task)
{
    const struct outcome outcome = {.task = task,
                                    .error_code = TEXT("NO_RESOURCE"),
                                    .error_message = TEXT("The function does not exist."),
                                    .hops = hops_after(task)};

    /* No settings are left but its sender's. */
    finish(task, &outcome, NULL,
           task->note.dead_letter.len ? arena_string(&task->arena, task->note.dead_letter) : NULL);
}
