/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/reload.h"

#include "base/json.h"
#include "base/mem.h"
#include "daemon/doors.h"
#include "guard/address_file.h"
#include "guard/waf.h"

struct reloading {
    struct reloader reloader;
    struct loop *control;
    struct doors *doors;
    struct address_files *files;
    struct waf *waf;

    struct list waiting; /* struct reload; the first is being done */
    struct doors_reload certificates;
    struct loop_job job;
    json_t *report, *faults;
};

static void begin(struct reloading *self);

static void finish(struct reloading *self)
{
    struct reload *reload = container_of(list_pop(&self->waiting), struct reload, link);
    json_t *report = take(self->report);

    json_object_set_new(report, "errors", take(self->faults));
    reload->done(reload, report);
    json_decref(report);
    if (!list_empty(&self->waiting))
        begin(self);
}

static void on_read(struct loop_job *job)
{
    finish(container_of(job, struct reloading, job));
}

static void set_count(struct reloading *self, const char *name, int count)
{
    json_object_set_new(self->report, name, json_integer(count));
}

static void read_in_pool(struct loop_job *job)
{
    struct reloading *self = container_of(job, struct reloading, job);

    set_count(self, "lists", address_files_reload(self->files, self->faults));
    set_count(self, "ruleSets", self->waf ? waf_reload(self->waf, self->faults) : 0);
}

static void on_certificates(struct doors_reload *reload, size_t count, const struct error *err)
{
    struct reloading *self = container_of(reload, struct reloading, certificates);

    set_count(self, "certificates", (int)count);
    if (err)
        json_array_append_new(self->faults, json_string(err->text));
    self->job = (struct loop_job){.work = read_in_pool, .done = on_read};
    loop_work(self->control, &self->job);
}

static void begin(struct reloading *self)
{
    self->report = json_object();
    self->faults = json_array();
    self->certificates = (struct doors_reload){.done = on_certificates};
    doors_reload(self->doors, &self->certificates);
}

static void start(struct reloader *reloader, struct reload *reload)
{
    struct reloading *self = container_of(reloader, struct reloading, reloader);
    bool is_first = list_empty(&self->waiting);

    list_push(&self->waiting, &reload->link);
    if (is_first)
        begin(self);
}

struct reloading *reloading_new(struct loop *control, struct doors *doors,
                                struct address_files *files, struct waf *waf)
{
    struct reloading *self = mem_new(struct reloading);

    self->reloader.start = start;
    self->control = control;
    self->doors = doors;
    self->files = files;
    self->waf = waf;
    list_init(&self->waiting);
    return self;
}

struct reloader *reloading_reloader(struct reloading *reloading)
{
    return &reloading->reloader;
}
