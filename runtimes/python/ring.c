/* SPDX-License-Identifier: Apache-2.0 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030a0000
#include <Python.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ring_client.h"
#include "trace_env.h"

/*
 * The ring for Python: the module _evoke_ring, in the stable ABI of CPython 3.10. It waits
 * with the GIL released; everything else is a copy and keeps it.
 *
 * What is printed is collected here up to the end of a line, so that print() with its two
 * writes, text and newline, costs one system call.
 */
struct line {
    int fd;
    size_t len;
    char text[RING_LOG_TEXT_MAX];
};

/* The process has one ring and one environment, so the module has one state. */
static struct evoke_ring ring;
static struct evoke_trace_env trace_env;
static PyObject *environ_map; /* what os.environ is made of: bytes to bytes */
static PyObject *trace_key;
static struct line lines[] = {{.fd = 1}, {.fd = 2}};

static void flush_line(struct line *line)
{
    evoke_ring_log(line->fd, ring.sequence, line->text, line->len);
    line->len = 0;
}

static void write_line(struct line *line, const char *text, size_t len)
{
    const char *newline = memrchr(text, '\n', len);
    size_t whole = newline ? (size_t)(newline - text) + 1 : 0;

    if (whole > 0) {
        if (line->len + whole <= sizeof line->text) {
            memcpy(line->text + line->len, text, whole);
            line->len += whole;
            flush_line(line);
        } else {
            flush_line(line);
            evoke_ring_log(line->fd, ring.sequence, text, whole);
        }
    }
    size_t rest = len - whole;
    if (line->len + rest > sizeof line->text)
        flush_line(line);
    if (rest > sizeof line->text) {
        evoke_ring_log(line->fd, ring.sequence, text + whole, rest);
        return;
    }
    memcpy(line->text + line->len, text + whole, rest);
    line->len += rest;
}

static void flush_lines(void)
{
    for (size_t i = 0; i < 2; i++)
        if (lines[i].len > 0)
            flush_line(&lines[i]);
}

/* --- the life of the instance --- */

static PyObject *attach(PyObject *module, PyObject *map)
{
    if (!PyDict_Check(map)) {
        PyErr_SetString(PyExc_TypeError, "attach() takes the dictionary behind os.environ");
        return NULL;
    }
    if (evoke_ring_open(&ring) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    evoke_ring_block_wake();
    trace_key = PyBytes_FromString("_X_AMZN_TRACE_ID");
    if (!trace_key)
        return NULL;
    Py_INCREF(map);
    environ_map = map;
    Py_RETURN_NONE;
}

/* The shard may be behind with our answers; other threads can run meanwhile. */
static bool send_record(enum ring_answer_kind kind, const char *payload, size_t payload_len,
                        const char *type, size_t type_len)
{
    size_t len = payload_len + type_len;
    char *at;

    if (len > RING_RECORD_MAX)
        return false;
    while (evoke_ring_space(&ring, len ? len : 1, &at) == 0) {
        Py_BEGIN_ALLOW_THREADS;
        (void)poll(NULL, 0, 1);
        Py_END_ALLOW_THREADS;
    }
    return evoke_ring_send(&ring, kind, payload, payload_len, type, type_len);
}

static PyObject *ready(PyObject *module, PyObject *ignored)
{
    flush_lines();
    (void)send_record(ANSWER_READY, NULL, 0, NULL, 0);
    Py_RETURN_NONE;
}

/* --- events --- */

static int set_trace(const char *trace, size_t len)
{
    if (!evoke_trace_env_set(&trace_env, trace, len))
        return 0;
    if (len == 0) {
        if (PyDict_DelItem(environ_map, trace_key) < 0)
            PyErr_Clear();
        return 0;
    }
    PyObject *value = PyBytes_FromStringAndSize(trace, (Py_ssize_t)len);
    if (!value)
        return -1;
    int result = PyDict_SetItem(environ_map, trace_key, value);
    Py_DECREF(value);
    return result;
}

/* Text, or the bytes themselves when they are not UTF-8: the JSON parser then says so. */
static PyObject *decode(const char *text, size_t len)
{
    PyObject *decoded = PyUnicode_DecodeUTF8(text, (Py_ssize_t)len, NULL);

    if (decoded)
        return decoded;
    PyErr_Clear();
    return PyBytes_FromStringAndSize(text, (Py_ssize_t)len);
}

static PyObject *none(void)
{
    Py_RETURN_NONE;
}

static PyObject *build_event(const struct ring_event *event)
{
    const char *payload = evoke_ring_record(&ring, event);
    const char *context = payload + event->payload_len;

    if (event->flags & RING_EVENT_BY_API)
        return none();
    if (set_trace(context + event->context_len, event->trace_len) < 0)
        return NULL;

    PyObject *items[] = {
        decode(payload, event->payload_len),
        PyUnicode_FromStringAndSize(event->request_id, sizeof event->request_id),
        PyLong_FromLongLong(event->deadline_ms),
        event->context_len > 0 ? decode(context, event->context_len) : none(),
    };
    size_t count = sizeof items / sizeof items[0];
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    bool is_whole = tuple != NULL;
    for (size_t i = 0; i < count; i++) {
        is_whole = is_whole && items[i];
        if (tuple)
            PyTuple_SetItem(tuple, (Py_ssize_t)i, items[i]);
        else
            Py_XDECREF(items[i]);
    }
    if (is_whole)
        return tuple;
    Py_XDECREF(tuple);
    return NULL;
}

static PyObject *next_event(PyObject *module, PyObject *ignored)
{
    const struct ring_event *event;

    while (!(event = evoke_ring_take(&ring))) {
        int result;
        Py_BEGIN_ALLOW_THREADS;
        result = evoke_ring_wait();
        Py_END_ALLOW_THREADS;
        if (result < 0 && errno != EINTR)
            return PyErr_SetFromErrno(PyExc_OSError);
        if (result < 0 && PyErr_CheckSignals() < 0)
            return NULL;
    }
    return build_event(event);
}

/* --- answers --- */

/* Borrowed from object, which is text or bytes. NULL with an exception. */
static const char *bytes_of(PyObject *object, Py_ssize_t *ret_len)
{
    char *bytes;

    if (PyUnicode_Check(object))
        return PyUnicode_AsUTF8AndSize(object, ret_len);
    return PyBytes_AsStringAndSize(object, &bytes, ret_len) < 0 ? NULL : bytes;
}

/* True, or False when it is too large for the ring. */
static PyObject *respond(PyObject *module, PyObject *answer)
{
    Py_ssize_t len;
    const char *bytes = bytes_of(answer, &len);

    if (!bytes)
        return NULL;
    flush_lines();
    return PyBool_FromLong(send_record(ANSWER_RESPONSE, bytes, (size_t)len, NULL, 0));
}

static PyObject *send_error(enum ring_answer_kind kind, PyObject *args)
{
    PyObject *error, *type;
    Py_ssize_t len, type_len;

    if (!PyArg_ParseTuple(args, "OO", &error, &type))
        return NULL;
    const char *bytes = bytes_of(error, &len);
    const char *type_bytes = bytes ? bytes_of(type, &type_len) : NULL;
    if (!type_bytes)
        return NULL;
    flush_lines();
    return PyBool_FromLong(send_record(kind, bytes, (size_t)len, type_bytes, (size_t)type_len));
}

static PyObject *fail(PyObject *module, PyObject *args)
{
    return send_error(ANSWER_ERROR, args);
}

static PyObject *init_error(PyObject *module, PyObject *args)
{
    return send_error(ANSWER_INIT_ERROR, args);
}

static PyObject *answered_by_api(PyObject *module, PyObject *ignored)
{
    flush_lines();
    (void)send_record(ANSWER_BY_API, NULL, 0, NULL, 0);
    Py_RETURN_NONE;
}

/* --- output --- */

static PyObject *write_log(PyObject *module, PyObject *args)
{
    int fd;
    const char *text;
    Py_ssize_t len;

    if (!PyArg_ParseTuple(args, "iy#", &fd, &text, &len))
        return NULL;
    write_line(&lines[fd == 2], text, (size_t)len);
    return PyLong_FromSsize_t(len);
}

static PyObject *flush_log(PyObject *module, PyObject *ignored)
{
    flush_lines();
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"attach", attach, METH_O, "Maps the ring; takes the dictionary behind os.environ."},
    {"ready", ready, METH_NOARGS, "Tells the shard that the handler is loaded."},
    {"init_error", init_error, METH_VARARGS, "Tells why it is not: error JSON, error type."},
    {"next", next_event, METH_NOARGS,
     "Waits for an event: payload, request id, deadline, client context or None. None alone: "
     "it is to be fetched by the Runtime API."},
    {"respond", respond, METH_O, "Answers the event; False: too large for the ring."},
    {"fail", fail, METH_VARARGS, "Answers with error JSON and error type, as respond()."},
    {"answered_by_api", answered_by_api, METH_NOARGS,
     "Closes an event that was answered through the Runtime API."},
    {"write", write_log, METH_VARARGS, "Writes bytes to the log as descriptor 1 or 2."},
    {"flush", flush_log, METH_NOARGS, "Writes out unfinished lines."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_evoke_ring", NULL, -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__evoke_ring(void);
PyMODINIT_FUNC PyInit__evoke_ring(void)
{
    return PyModule_Create(&definition);
}
