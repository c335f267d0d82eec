/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "loop/loop.h"

/*
 * The same news to several loops: apply(arg, index) runs once on each, index telling which,
 * then done(arg) on the loop that sent it, never before the call has returned. News of one
 * sender arrive everywhere in the order they were sent. done is optional; arg has to live
 * until then, and is shared by all: what apply() does with it must not change it.
 */
void loop_broadcast(struct loop *const *loops, int count, void (*apply)(void *arg, int index),
                    void (*done)(void *arg), void *arg);
