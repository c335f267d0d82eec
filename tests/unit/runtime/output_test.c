/* SPDX-License-Identifier: Apache-2.0 */
#include "model/limits.h"
#include "world.h"

/* What an instance prints, and whose it is. */

static struct world *start_ready(struct peer *peer)
{
    struct world *world = world_start(peer);

    peer_ready(peer);
    wait_for(world, NOTED_READY, 1);
    return world;
}

/* All that was printed is there once the environment has ended. */
static void expect_output(struct world *world, struct peer *peer, const char *want)
{
    peer_exited(peer, 0);
    wait_for(world, NOTED_ENDED, 1);
    CHECK_TEXT(buffer_text(&world->text), want);
    world_free(world);
}

TEST(raw_lines_belong_to_what_runs_when_they_come)
{
    struct peer peer;
    struct world *world = world_start(&peer);

    peer_print(&peer, TEXT("loading\n"));
    wait_for(world, NOTED_OUTPUT, 1);
    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    send_event(world, "{}");
    peer_print(&peer, TEXT("one\ntw"));
    peer_print(&peer, TEXT("o\n\nno end"));
    peer_respond(&peer, peer_next(&peer), TEXT("1"));
    wait_for(world, NOTED_ANSWERED, 1);
    expect_output(world, &peer, "[-]loading\n[0]one\n[0]two\n[0]\n[-]no end");
}

TEST(frames_belong_to_the_event_they_name)
{
    struct peer peer;
    struct world *world = start_ready(&peer);

    for (int i = 0; i < 3; i++)
        send_event(world, "{}");
    peer_frame(&peer, 2, TEXT("of the second\n"));
    peer_frame(&peer, 1, TEXT("of the first, two\nlines"));
    peer_frame(&peer, 0, TEXT("of none\n"));
    peer_frame(&peer, 4, TEXT("of one to come\n"));
    peer_frame(&peer, UINT64_MAX, TEXT("of nothing\n"));
    peer_frame(&peer, 3, TEXT(""));
    peer_print(&peer, TEXT("raw\n"));
    wait_for(world, NOTED_OUTPUT, 6);
    peer_respond(&peer, peer_next(&peer), TEXT("1"));
    wait_for(world, NOTED_ANSWERED, 1);
    peer_frame(&peer, 1, TEXT("late\n"));
    expect_output(world, &peer,
                  "[1]of the second\n[0]of the first, two\nlines[-]of none\n"
                  "[-]of one to come\n[-]of nothing\n[0]raw\n[-]late\n");
}

TEST(frames_between_raw_lines_keep_the_order)
{
    struct peer peer;
    struct world *world = start_ready(&peer);

    send_event(world, "{}");
    send_event(world, "{}");
    peer_print(&peer, TEXT("a raw line\nhalf a line "));
    peer_frame(&peer, 2, TEXT("framed\n"));
    peer_print(&peer, TEXT("the other half\n"));
    expect_output(world, &peer, "[0]a raw line\n[0]half a line [1]framed\n[0]the other half\n");
}

TEST(a_frame_may_come_in_any_pieces)
{
    char frame[sizeof(struct ring_log_frame) + 5] = {0};
    struct ring_log_frame head = {RING_LOG_MAGIC, 5, 1};

    memcpy(frame, &head, sizeof head);
    memcpy(frame + sizeof head, "text\n", 5);
    for (size_t cut = 1; cut < sizeof frame; cut++) {
        struct peer peer;
        struct world *world = start_ready(&peer);

        send_event(world, "{}");
        peer_print(&peer, text_from(frame, cut));
        settle(world);
        peer_print(&peer, text_from(frame + cut, sizeof frame - cut));
        peer_print(&peer, TEXT("raw\n"));
        expect_output(world, &peer, "[0]text\n[0]raw\n");
    }
}

TEST(what_only_looks_like_a_frame_is_text)
{
    static const uint32_t magic = RING_LOG_MAGIC;
    const struct ring_log_frame oversize = {RING_LOG_MAGIC, RING_LOG_TEXT_MAX + 1, 1};
    struct peer peer;
    struct world *world = start_ready(&peer);

    send_event(world, "{}");
    peer_print(&peer, text_from(&oversize, sizeof oversize));
    peer_print(&peer, TEXT("after\nnext\n"));
    wait_for(world, NOTED_OUTPUT, 2);
    peer_frame(&peer, 1, TEXT("a good one\n"));
    wait_for(world, NOTED_OUTPUT, 3);
    peer_print(&peer, text_from(&magic, 3)); /* and no more */
    peer_exited(&peer, 0);
    wait_for(world, NOTED_ENDED, 1);
    struct text all = buffer_text(&world->text);
    CHECK(text_find_text(all, TEXT("after\n[0]next\n[0]a good one\n[")) < all.len);
    CHECK(count_of(world, NOTED_OUTPUT) == 4);
    world_free(world);
}

TEST(impossible_frames_do_not_fill_the_memory)
{
    const struct ring_log_frame oversize = {RING_LOG_MAGIC, UINT32_MAX, 1};
    scoped(buffer_done) struct buffer flood = {0};
    struct peer peer;
    struct world *world = start_ready(&peer);

    while (flood.len < 4 * LIMIT_LOG_LINE)
        buffer_add(&flood, &oversize, sizeof oversize);
    send_event(world, "{}");
    peer_print(&peer, buffer_text(&flood));
    peer_frame(&peer, 1, TEXT("end\n"));
    peer_exited(&peer, 0);
    wait_for(world, NOTED_ENDED, 1);
    CHECK(count_of(world, NOTED_OUTPUT) > 4);
    CHECK(text_ends(buffer_text(&world->text), TEXT("[0]end\n")));
    world_free(world);
}

TEST(a_line_without_an_end_is_cut)
{
    scoped(buffer_done) struct buffer line = {0};
    struct peer peer;
    struct world *world = start_ready(&peer);
    size_t len = 1 << 20;

    memset(buffer_room(&line, len), 'x', len);
    buffer_added(&line, len);
    send_event(world, "{}");
    peer_print(&peer, buffer_text(&line));
    peer_print(&peer, TEXT("\n"));
    peer_exited(&peer, 0);
    wait_for(world, NOTED_ENDED, 1);
    int pieces = count_of(world, NOTED_OUTPUT);
    CHECK_MSG(pieces >= 3 && pieces <= 5, "%d pieces", pieces);
    CHECK(world->text.len == len + 1 + 3 * (size_t)pieces);
    world_free(world);
}

TEST(a_line_may_come_byte_by_byte)
{
    struct peer peer;
    struct world *world = start_ready(&peer);

    send_event(world, "{}");
    for (int i = 0; i < 2000; i++)
        peer_print(&peer, i % 500 == 499 ? TEXT("\n") : TEXT("x"));
    peer_exited(&peer, 0);
    wait_for(world, NOTED_ENDED, 1);
    CHECK(count_of(world, NOTED_OUTPUT) == 4 && world->text.len == 2000 + 4 * 3);
    world_free(world);
}

TEST(what_was_printed_before_an_answer_comes_before_it)
{
    struct peer peer;
    struct world *world = start_ready(&peer);

    for (int i = 0; i < 200; i++) {
        char line[32];
        int len = snprintf(line, sizeof line, "line %d\n", i);
        send_event(world, "{}");
        struct ring_event *event = peer_next(&peer);
        if (i % 2)
            peer_frame(&peer, event->sequence, text_from(line, (size_t)len));
        else
            peer_print(&peer, text_from(line, (size_t)len));
        peer_respond(&peer, event, TEXT("1"));
        wait_for(world, NOTED_ANSWERED, i + 1);
        snprintf(line, sizeof line, "[%d]line %d\n", i, i);
        CHECK_MSG(text_ends(buffer_text(&world->text), text_of(line)), "%s: '%.*s'", line,
                  TEXT_ARG(text_skip(buffer_text(&world->text), world->text.len - 30)));
    }
    finish(world, &peer);
}

TEST(an_instance_may_close_its_log)
{
    struct peer peer;
    struct world *world = start_ready(&peer);

    peer_print(&peer, TEXT("goodbye"));
    (void)close(peer.log);
    peer.log = open("/dev/null", O_WRONLY | O_CLOEXEC);
    wait_for(world, NOTED_OUTPUT, 1);
    send_event(world, "{}");
    peer_respond(&peer, peer_next(&peer), TEXT("1"));
    wait_for(world, NOTED_ANSWERED, 1);
    expect_output(world, &peer, "[-]goodbye");
}
