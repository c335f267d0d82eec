/* SPDX-License-Identifier: Apache-2.0 */
#include "store/registry.h"

#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"

/*
 * A treap: a search tree by key that is a heap by the hash of the key. The hash is seeded,
 * so the tree is balanced whatever names clients choose, and needs no rebalancing code. A
 * sorted array was refused: with 100,000 rules each new one would move half of them.
 *
 * What a change replaced is kept until the change is on disk. Changes are stored, and
 * answered, in the order in which they were made. When one fails while a later one of the same
 * key is still under way, the later one's value stays, and what it would go back to becomes
 * what the failed one would have gone back to.
 */
struct node {
    struct node *left, *right;
    uint64_t priority; /* not less than those below */
    json_t *document;
    size_t key_len;
    char key[];
};

struct registry {
    struct store *store;
    struct loop *control;
    char *kind;
    struct node *root;
    size_t count;
    struct list undos; /* oldest first */
};

struct registry_undo {
    struct list link; /* of the registry's undos */
    struct registry_undo *next;
    struct registry *registry;
    json_t *before; /* NULL: there was none */
    size_t key_len;
    char key[];
};

static struct text node_key(const struct node *node)
{
    return text_from(node->key, node->key_len);
}

static struct text undo_key(const struct registry_undo *undo)
{
    return text_from(undo->key, undo->key_len);
}

/* --- the tree --- */

/* Where the node is linked that has the key, or would be. */
static struct node **find_link(struct registry *registry, struct text key)
{
    struct node **link = &registry->root;

    while (*link) {
        int order = text_compare(key, node_key(*link));
        if (order == 0)
            break;
        link = order < 0 ? &(*link)->left : &(*link)->right;
    }
    return link;
}

/* Splits a tree that does not have the key. */
static void split(struct node *tree, struct text key, struct node **less, struct node **greater)
{
    while (tree) {
        if (text_compare(node_key(tree), key) < 0) {
            *less = tree;
            less = &tree->right;
            tree = tree->right;
        } else {
            *greater = tree;
            greater = &tree->left;
            tree = tree->left;
        }
    }
    *less = *greater = NULL;
}

/* All keys of less are less than all of greater. */
static struct node *join(struct node *less, struct node *greater)
{
    struct node *tree, **link = &tree;

    while (less && greater) {
        if (less->priority >= greater->priority) {
            *link = less;
            link = &less->right;
            less = less->right;
        } else {
            *link = greater;
            link = &greater->left;
            greater = greater->left;
        }
    }
    *link = less ? less : greater;
    return tree;
}

static void insert(struct registry *registry, struct text key, json_t *document)
{
    struct node *node = mem_alloc(sizeof *node + key.len);
    struct node **link = &registry->root;

    *node = (struct node){.priority = map_hash(key), .document = document, .key_len = key.len};
    memcpy(node->key, key.at, key.len);
    while (*link && (*link)->priority >= node->priority)
        link = text_compare(key, node_key(*link)) < 0 ? &(*link)->left : &(*link)->right;
    split(*link, key, &node->left, &node->right);
    *link = node;
    registry->count++;
}

static void remove_node(struct registry *registry, struct node **link)
{
    struct node *node = *link;

    *link = join(node->left, node->right);
    free(node);
    registry->count--;
}

/* Takes document, NULL removes; returns what was there before. */
static json_t *exchange(struct registry *registry, struct text key, json_t *document)
{
    struct node **link = find_link(registry, key);
    json_t *before = NULL;

    if (*link) {
        before = (*link)->document;
        (*link)->document = document;
        if (!document)
            remove_node(registry, link);
    } else if (document) {
        insert(registry, key, document);
    }
    return before;
}

static void free_tree(struct node *tree)
{
    while (tree) {
        struct node *right = tree->right;

        free_tree(tree->left);
        json_decref(tree->document);
        free(tree);
        tree = right;
    }
}

/* --- reading --- */

const json_t *registry_find(const struct registry *registry, struct text key)
{
    const struct node *node = registry->root;

    while (node) {
        int order = text_compare(key, node_key(node));
        if (order == 0)
            return node->document;
        node = order < 0 ? node->left : node->right;
    }
    return NULL;
}

struct walk {
    struct text prefix, after;
    bool (*each)(void *arg, struct text key, const json_t *document);
    void *arg;
};

static bool is_before(const struct walk *walk, struct text key)
{
    return text_compare(key, walk->prefix) < 0 ||
           (text_is_set(walk->after) && text_compare(key, walk->after) <= 0);
}

/* False when each() asked to stop. */
static bool visit(const struct node *node, const struct walk *walk)
{
    while (node) {
        struct text key = node_key(node);

        if (is_before(walk, key)) {
            node = node->right;
        } else if (!text_starts(key, walk->prefix)) {
            node = node->left;
        } else {
            if (!visit(node->left, walk) || !walk->each(walk->arg, key, node->document))
                return false;
            node = node->right;
        }
    }
    return true;
}

void registry_each(const struct registry *registry, struct text prefix, struct text after,
                   bool (*each)(void *arg, struct text key, const json_t *document), void *arg)
{
    const struct walk walk = {prefix, after, each, arg};

    (void)visit(registry->root, &walk);
}

size_t registry_count(const struct registry *registry)
{
    return registry->count;
}

/* --- changing --- */

static void undo_free(struct registry_undo *undo)
{
    list_remove(&undo->link);
    json_decref(undo->before);
    free(undo);
}

static struct registry_undo *find_later(const struct registry_undo *undo)
{
    const struct list *head = &undo->registry->undos;

    for (struct list *link = undo->link.next; link != head; link = link->next) {
        struct registry_undo *later = container_of(link, struct registry_undo, link);
        if (text_equal(undo_key(later), undo_key(undo)))
            return later;
    }
    return NULL;
}

static void go_back(struct registry_undo *undo)
{
    struct registry_undo *later = find_later(undo);
    json_t *failed;

    if (later) {
        failed = later->before;
        later->before = take(undo->before);
    } else {
        failed = exchange(undo->registry, undo_key(undo), take(undo->before));
    }
    json_decref(failed);
}

/* The newest comes first, so a key that the change had twice ends as it was. */
static void on_stored(struct store_write *write, bool failed, const struct error *err)
{
    struct registry_change *change = container_of(write, struct registry_change, write);

    while (change->undo) {
        struct registry_undo *undo = change->undo;

        change->undo = undo->next;
        if (failed)
            go_back(undo);
        undo_free(undo);
    }
    change->done(change, failed, err);
}

static void on_complete(struct loop_task *task)
{
    struct registry_change *change = container_of(task, struct registry_change, complete);

    store_write(change->store, &change->write);
}

static struct registry_undo *undo_new(struct registry *registry, struct text key, json_t *before)
{
    struct registry_undo *undo = mem_alloc(sizeof *undo + key.len);

    *undo = (struct registry_undo){.registry = registry, .before = before, .key_len = key.len};
    memcpy(undo->key, key.at, key.len);
    list_push(&registry->undos, &undo->link);
    return undo;
}

/* Takes document. The change is stored at the end of the loop's iteration, when all that
 * belongs to it has been added. */
static void apply(struct registry *registry, struct text key, json_t *document,
                  struct registry_change *change)
{
    struct store_write *write = &change->write;

    loop_assert_here(registry->control);
    assert(change->done && (write->count == 0 || list_linked(&change->complete.link)));
    assert(write->count < STORE_CHANGES_MAX);
    write->changes[write->count++] = (struct store_change){
        .action = document ? STORE_PUT : STORE_DELETE,
        .kind = mem_strdup(registry->kind),
        .key = text_dup(key),
    };
    if (document) {
        scoped(free) char *body = json_write(document);
        buffer_add_text(&write->changes[write->count - 1].body, text_of(body));
    }
    struct registry_undo *undo = undo_new(registry, key, exchange(registry, key, document));
    undo->next = change->undo;
    change->undo = undo;
    change->store = registry->store;
    change->complete.run = on_complete;
    write->done = on_stored;
    write->loop = registry->control;
    loop_defer(registry->control, &change->complete);
}

void registry_put(struct registry *registry, struct text key, json_t *document,
                  struct registry_change *change)
{
    assert(document);
    apply(registry, key, document, change);
}

void registry_delete(struct registry *registry, struct text key, struct registry_change *change)
{
    apply(registry, key, NULL, change);
}

/* --- opening --- */

static int load(void *arg, struct text key, struct text body, struct error *err)
{
    struct registry *registry = arg;
    struct error reason;
    json_t *document = json_parse(body, &reason);

    if (!document)
        return error_set(err, ERROR_SYSTEM, "the stored %s '%.*s' is damaged: %s", registry->kind,
                         TEXT_ARG(key), reason.text);
    insert(registry, key, document);
    return 0;
}

struct registry *registry_open(struct store *store, struct loop *control, const char *kind,
                               struct error *err)
{
    scoped(registry_free) struct registry *registry = mem_new(struct registry);

    registry->store = store;
    registry->control = control;
    registry->kind = mem_strdup(kind);
    list_init(&registry->undos);
    if (store_each(store, kind, load, registry, err) < 0)
        return NULL;
    return take(registry);
}

void registry_free(struct registry *registry)
{
    if (!registry)
        return;
    list_each (link, &registry->undos)
        undo_free(container_of(link, struct registry_undo, link));
    free_tree(registry->root);
    free(registry->kind);
    free(registry);
}
