/* SPDX-License-Identifier: Apache-2.0 */
#include "api/events_priv.h"

#include "router/archive.h"

/* CreateArchive, DescribeArchive, ListArchives, UpdateArchive, DeleteArchive. */

static const char *const told[] = {"Description", "EventPattern", "RetentionDays",
                                   "KmsKeyIdentifier", NULL};

static const json_t *find_archive(struct call *call, struct text name)
{
    const json_t *archive = events_find(call, BUSES_ARCHIVE, events_key(call, name));

    if (!archive)
        call_fail(call, "ResourceNotFoundException", "Archive %.*s does not exist.",
                  TEXT_ARG(name));
    return archive;
}

/* The bus an EventSourceArn names. False: answered. */
static bool check_source(struct call *call)
{
    struct text arn = call_input(call, "EventSourceArn"), bus = events_resource(arn, "event-bus");

    if (text_is_set(bus))
        return events_find_bus(call, bus) != NULL;
    events_fail_invalid(call, "Parameter EventSourceArn is not valid. Reason: Must contain an "
                              "event bus ARN.");
    return false;
}

static void reply_state(struct call *call)
{
    static const char *const members[] = {"State", "CreationTime", NULL};
    struct text name = call_input(call, "ArchiveName");
    const json_t *archive = events_find(call, BUSES_ARCHIVE, events_key(call, name));
    struct writer writer = call_writer(call);

    write_open(&writer, NULL, '{');
    write_string(&writer, "ArchiveArn", events_arn(call, "archive", name));
    events_write_members(&writer, archive, members);
    write_close(&writer, '}');
    call_reply(call, 200);
}

/* --- CreateArchive --- */

static void create_archive(struct call *call)
{
    struct text name = call_input(call, "ArchiveName"), key = events_key(call, name);

    if (!check_source(call))
        return;
    if (events_find(call, BUSES_ARCHIVE, key)) {
        call_fail(call, "ResourceAlreadyExistsException", "Archive %.*s already exists.",
                  TEXT_ARG(name));
        return;
    }
    if (!events_check_pattern(call, call_input(call, "EventPattern")))
        return;
    json_t *archive = json_object();
    events_set_text(archive, "ArchiveName", name);
    events_set_text(archive, "EventSourceArn", call_input(call, "EventSourceArn"));
    events_set_text(archive, "State", TEXT("ENABLED"));
    json_object_set_new(archive, "RetentionDays", json_integer(0));
    events_take_members(archive, call->input, told);
    events_set_time(archive, "CreationTime");
    events_save(call, BUSES_ARCHIVE, key, archive, reply_state);
}

/* --- DescribeArchive, ListArchives --- */

static void write_archive(struct call *call, struct writer *writer, struct text name,
                          const json_t *archive)
{
    static const char *const members[] = {"EventSourceArn", "State", "RetentionDays",
                                          "CreationTime", NULL};
    struct archive_counts counts =
        archive_counts(buses_archives(call->api->buses), events_key(call, name), archive);

    write_text(writer, "ArchiveName", name);
    events_write_members(writer, archive, members);
    write_int(writer, "SizeBytes", counts.bytes);
    write_int(writer, "EventCount", counts.events);
}

static void describe_archive(struct call *call)
{
    static const char *const more[] = {"Description", "EventPattern", "KmsKeyIdentifier", NULL};
    struct text name = call_input(call, "ArchiveName");
    const json_t *archive = find_archive(call, name);
    struct writer writer = call_writer(call);

    if (!archive)
        return;
    write_open(&writer, NULL, '{');
    write_string(&writer, "ArchiveArn", events_arn(call, "archive", name));
    write_archive(call, &writer, name, archive);
    events_write_members(&writer, archive, more);
    write_close(&writer, '}');
    call_reply(call, 200);
}

static bool matches(struct call *call, const json_t *archive)
{
    struct text source = call_input(call, "EventSourceArn"), state = call_input(call, "State");

    return (!text_is_set(source) || text_equal(source, json_text(archive, "EventSourceArn"))) &&
           (!text_is_set(state) || text_equal(state, json_text(archive, "State")));
}

static void write_item(struct call *call, struct writer *writer, struct text name,
                       const json_t *archive)
{
    write_open(writer, NULL, '{');
    write_archive(call, writer, name, archive);
    write_close(writer, '}');
}

static void list_archives(struct call *call)
{
    const struct events_list list = {BUSES_ARCHIVE, "Archives", events_key(call, TEXT("")), matches,
                                     write_item};

    if (!events_check_one_filter(call, "ListArchives"))
        return;
    if (!text_is_set(call_input(call, "EventSourceArn")) || check_source(call))
        events_reply_list(call, &list);
}

/* --- UpdateArchive, DeleteArchive --- */

static void update_archive(struct call *call)
{
    struct text name = call_input(call, "ArchiveName");
    const json_t *archive = find_archive(call, name);

    if (!archive)
        return;
    if (!json_object_get(call->input, "EventPattern") &&
        !json_object_get(call->input, "RetentionDays") &&
        !json_object_get(call->input, "Description")) {
        events_fail_invalid(call, "At least one of EventPattern, RetentionDays or Description "
                                  "must be provided.");
        return;
    }
    if (!events_check_pattern(call, call_input(call, "EventPattern")))
        return;
    json_t *changed = json_copy((json_t *)(uintptr_t)archive);
    events_take_members(changed, call->input, told);
    events_save(call, BUSES_ARCHIVE, events_key(call, name), changed, reply_state);
}

static void delete_archive(struct call *call)
{
    struct text name = call_input(call, "ArchiveName");

    if (find_archive(call, name))
        events_delete(call, BUSES_ARCHIVE, events_key(call, name), events_reply_empty);
}

/* --- the table --- */

#define ROW_ARCHIVE ROW_NAME("ArchiveName", "archiveName", 48)
#define ROWS_OF_ARCHIVE                                                                        \
    ROW_ONE_LINE, ROW_TEXT("EventPattern", "eventPattern", 0, 4096),                           \
        {PARAM_BODY, PARAM_INT, "RetentionDays", "retentionDays", .min = 0, .max = INT32_MAX}, \
        ROW_KMS_KEY

static const struct param create_rows[] = {
    ROW_ARCHIVE,
    ROW_SOURCE_ARN(true),
    ROWS_OF_ARCHIVE,
    {0},
};
static const struct param update_rows[] = {ROW_ARCHIVE, ROWS_OF_ARCHIVE, {0}};
static const struct param name_rows[] = {ROW_ARCHIVE, {0}};
static const struct param list_rows[] = {
    ROW_PREFIX(48),
    ROW_SOURCE_ARN(false),
    {PARAM_BODY, PARAM_STRING, "State", "state",
     .values = "DISABLED, ENABLED, CREATE_FAILED, UPDATE_FAILED, UPDATING, CREATING"},
    ROW_PAGE,
    {0},
};

const struct action events_archive_actions[] = {
    {"CreateArchive", EVENTS, PLACE_CONTROL, create_rows, create_archive, NULL},
    {"DescribeArchive", EVENTS, PLACE_CONTROL, name_rows, describe_archive, NULL},
    {"ListArchives", EVENTS, PLACE_CONTROL, list_rows, list_archives, NULL},
    {"UpdateArchive", EVENTS, PLACE_CONTROL, update_rows, update_archive, NULL},
    {"DeleteArchive", EVENTS, PLACE_CONTROL, name_rows, delete_archive, NULL},
    {0},
};
