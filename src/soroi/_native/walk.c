/* Sums over trees and over linear terms, for one row of Python values or for many rows.
 *
 * The same operations in the same order as soroi.scoring.run_forest and soroi.scoring.run_linear, so that the results
 * are equal to the last bit: compile without contraction of a*b+c (-ffp-contract=off). No function of libm is called.
 * What is given is checked here too: nothing a file says leads out of bounds. Only the stable ABI is used.
 */
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define MISSING_LEFT 1
#define NAN_IS_ZERO 2
#define ZERO_IS_MISSING 4
#define IN_SET 8
#define KNOWN_SET 16
#define ZERO 1.0000000180025095e-35
#define ON_STACK 256
#define LANES 8
#define API 1 /* raised when what Python calls changes; see soroi._native */

typedef struct {
    double threshold;
    int32_t feature, child[2], flags; /* children: left, right */
} Node;

typedef struct {
    int32_t start, count;
} Span;

typedef struct {
    PyObject_HEAD
    Node *nodes;
    int32_t *roots, *columns;
    double *leaves;
    Span *spans;
    uint32_t *words;
    Py_ssize_t n_nodes, n_roots, n_columns, n_leaves, n_spans, n_words, highest;
    double base;
    int single, nan, infinite;
} Forest;

typedef struct {
    PyObject_HEAD
    int32_t *columns;
    double *fill, *centre, *scale, *weight;
    Py_ssize_t n, highest;
    double intercept;
} Linear;

/* A copy of the bytes of an object with a buffer, and how many items of a size they are. */
static int copied(PyObject *from, size_t size, void **to, Py_ssize_t *count) {
    Py_buffer view;
    if (PyObject_GetBuffer(from, &view, PyBUF_SIMPLE) < 0) return -1;
    if (view.len % (Py_ssize_t)size) {
        PyBuffer_Release(&view);
        PyErr_SetString(PyExc_ValueError, "a buffer of the wrong size");
        return -1;
    }
    *count = view.len / (Py_ssize_t)size;
    *to = PyMem_Malloc(view.len ? view.len : 1);
    if (*to == NULL) {
        PyBuffer_Release(&view);
        PyErr_NoMemory();
        return -1;
    }
    memcpy(*to, view.buf, view.len);
    PyBuffer_Release(&view);
    return 0;
}

static int number(PyObject *value, double *out) {
    if (PyFloat_Check(value)) {
        *out = PyFloat_AsDouble(value);
        return 0;
    }
    if (value == Py_None) {
        *out = NAN;
        return 0;
    }
    if (PyLong_Check(value)) { /* and bool */
        *out = PyLong_AsDouble(value);
        return *out == -1.0 && PyErr_Occurred() ? -1 : 0;
    }
    PyErr_SetString(PyExc_TypeError, "not a number");
    return -1;
}

/* The item at a place of a list or tuple of which the size was checked; borrowed. */
static inline PyObject *item(PyObject *values, int tuple, Py_ssize_t at) {
    return tuple ? PyTuple_GetItem(values, at) : PyList_GetItem(values, at);
}

/* 1 for a tuple, 0 for a list, -1 for anything else or too short a one. */
static int kind_of(PyObject *values, Py_ssize_t highest) {
    int tuple = PyTuple_Check(values);
    if (!tuple && !PyList_Check(values)) {
        PyErr_SetString(PyExc_TypeError, "a row is a list or a tuple");
        return -1;
    }
    if ((tuple ? PyTuple_Size(values) : PyList_Size(values)) <= highest) {
        PyErr_SetString(PyExc_IndexError, "the row is too short");
        return -1;
    }
    return tuple;
}

static int highest_of(const int32_t *columns, Py_ssize_t n, Py_ssize_t *highest) {
    *highest = -1;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (columns[i] < 0) {
            PyErr_SetString(PyExc_ValueError, "a column below zero");
            return -1;
        }
        if (columns[i] > *highest) *highest = columns[i];
    }
    return 0;
}

static inline int in_set(const Forest *self, int32_t at, int64_t whole) {
    Span span = self->spans[at];
    int64_t word = whole >> 5;
    return word < span.count && (self->words[span.start + word] >> (whole & 31) & 1);
}

static int special(const Forest *self, const Node *node, double x) {
    int missing_left = node->flags & MISSING_LEFT;
    if (node->flags & IN_SET) {
        if (isnan(x)) return missing_left;
        if (!(x > -1.0)) return node->flags & KNOWN_SET ? missing_left : 0;
        if (node->flags & KNOWN_SET && x < 0) return missing_left;
        if (x >= 2147483648.0) return node->flags & KNOWN_SET ? missing_left : 0;
        int64_t whole = (int64_t)x;
        int32_t set = (int32_t)node->threshold;
        if (in_set(self, set, whole)) return 1;
        if (node->flags & KNOWN_SET && !in_set(self, set + 1, whole)) return missing_left;
        return 0;
    }
    if (isnan(x)) {
        if (!(node->flags & NAN_IS_ZERO)) return missing_left;
        x = 0.0;
    }
    if (node->flags & ZERO_IS_MISSING && x >= -ZERO && x <= ZERO) return missing_left;
    return x <= node->threshold;
}

/* One step down a tree. No branch depends on the values, unless a node is unusual. */
static inline int32_t below(const Forest *self, int32_t at, const double *row) {
    const Node *node = &self->nodes[at];
    double x = row[node->feature];
    int left;
    if (node->flags <= MISSING_LEFT)
        left = (x <= node->threshold) | (node->flags & (x != x));
    else
        left = special(self, node, x);
    return node->child[!left];
}

/* Several trees are walked side by side, so that their steps do not wait for each other; the leaves are added in order. */
static double sum_of(const Forest *self, const double *row) {
    double total = self->base;
    Py_ssize_t tree = 0;
    for (; tree + LANES <= self->n_roots; tree += LANES) {
        int32_t at[LANES], live;
        memcpy(at, self->roots + tree, sizeof at);
        do {
            live = -1;
            for (int lane = 0; lane < LANES; lane++) {
                if (at[lane] >= 0) at[lane] = below(self, at[lane], row);
                live &= at[lane]; /* below zero once all are leaves */
            }
        } while (live >= 0);
        for (int lane = 0; lane < LANES; lane++) total += self->leaves[~at[lane]];
    }
    for (; tree < self->n_roots; tree++) {
        int32_t at = self->roots[tree];
        while (at >= 0) at = below(self, at, row);
        total += self->leaves[~at];
    }
    return total;
}

/* Whether a number may come to the trees, after rounding it when they want it. */
static inline int accepted(const Forest *self, double *x) {
    if (self->single) *x = (double)(float)*x;
    if (isfinite(*x)) return 1;
    return isnan(*x) ? self->nan : self->infinite;
}

static PyObject *forest_sum(PyObject *object, PyObject *values) {
    Forest *self = (Forest *)object;
    double stack[ON_STACK], *row = stack, total;
    int tuple = kind_of(values, self->highest);
    if (tuple < 0) return NULL;
    if (self->n_columns > ON_STACK) {
        row = PyMem_Malloc(self->n_columns * sizeof(double));
        if (row == NULL) return PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; i < self->n_columns; i++) {
        int wrong = number(item(values, tuple, self->columns[i]), &row[i]) < 0;
        if (!wrong && !accepted(self, &row[i])) {
            wrong = 1;
            PyErr_SetString(PyExc_ValueError, "a number that the trees do not take");
        }
        if (wrong) {
            if (row != stack) PyMem_Free(row);
            return NULL;
        }
    }
    total = sum_of(self, row);
    if (row != stack) PyMem_Free(row);
    return PyFloat_FromDouble(total);
}

/* sums(rows, out): rows is C-contiguous float64 (n, columns) and was checked and rounded by the caller. */
static PyObject *forest_sums(PyObject *object, PyObject *args) {
    Forest *self = (Forest *)object;
    PyObject *from, *to;
    Py_buffer rows, out;
    if (!PyArg_ParseTuple(args, "OO", &from, &to)) return NULL;
    if (PyObject_GetBuffer(from, &rows, PyBUF_SIMPLE) < 0) return NULL;
    if (PyObject_GetBuffer(to, &out, PyBUF_WRITABLE) < 0) {
        PyBuffer_Release(&rows);
        return NULL;
    }
    Py_ssize_t n = out.len / (Py_ssize_t)sizeof(double), width = self->n_columns;
    if (out.len % sizeof(double) || rows.len != n * width * (Py_ssize_t)sizeof(double)) {
        PyBuffer_Release(&rows);
        PyBuffer_Release(&out);
        PyErr_SetString(PyExc_ValueError, "buffers of sizes that do not fit");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < n; i++) ((double *)out.buf)[i] = sum_of(self, (const double *)rows.buf + i * width);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&rows);
    PyBuffer_Release(&out);
    Py_RETURN_NONE;
}

static int forest_sound(const Forest *self) {
    for (Py_ssize_t i = 0; i < self->n_nodes; i++) {
        const Node *node = &self->nodes[i];
        for (int side = 0; side < 2; side++) {
            int32_t child = node->child[side];
            if (child >= 0 ? child <= i || child >= self->n_nodes : ~child >= self->n_leaves) return 0;
        }
        if (node->feature < 0 || node->feature >= self->n_columns) return 0;
        if (node->flags & IN_SET) {
            int known = node->flags & KNOWN_SET ? 1 : 0;
            if (!(node->threshold >= 0 && node->threshold + known < (double)self->n_spans)) return 0;
        }
    }
    for (Py_ssize_t i = 0; i < self->n_roots; i++) {
        int32_t root = self->roots[i];
        if (root >= 0 ? root >= self->n_nodes : ~root >= self->n_leaves) return 0;
    }
    for (Py_ssize_t i = 0; i < self->n_spans; i++) {
        Span span = self->spans[i];
        if (span.start < 0 || span.count < 0 || (int64_t)span.start + span.count > self->n_words) return 0;
    }
    return 1;
}

static void forest_dealloc(PyObject *object) {
    Forest *self = (Forest *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    PyMem_Free(self->nodes);
    PyMem_Free(self->roots);
    PyMem_Free(self->columns);
    PyMem_Free(self->leaves);
    PyMem_Free(self->spans);
    PyMem_Free(self->words);
    release(object);
    Py_DECREF(type);
}

/* Forest(base, columns, nodes, roots, leaves, spans, words, single, nan, infinite) */
static PyObject *forest_new(PyTypeObject *type, PyObject *args, PyObject *options) {
    PyObject *columns, *nodes, *roots, *leaves, *spans, *words;
    double base;
    int single, nan, infinite;
    (void)options;
    if (!PyArg_ParseTuple(args, "dOOOOOOppp", &base, &columns, &nodes, &roots, &leaves, &spans, &words, &single, &nan,
                          &infinite))
        return NULL;
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Forest *self = (Forest *)alloc(type, 0); /* zeroed */
    if (self == NULL) return NULL;
    self->base = base;
    self->single = single;
    self->nan = nan;
    self->infinite = infinite;
    if (copied(columns, sizeof(int32_t), (void **)&self->columns, &self->n_columns) < 0 ||
        copied(nodes, sizeof(Node), (void **)&self->nodes, &self->n_nodes) < 0 ||
        copied(roots, sizeof(int32_t), (void **)&self->roots, &self->n_roots) < 0 ||
        copied(leaves, sizeof(double), (void **)&self->leaves, &self->n_leaves) < 0 ||
        copied(spans, sizeof(Span), (void **)&self->spans, &self->n_spans) < 0 ||
        copied(words, sizeof(uint32_t), (void **)&self->words, &self->n_words) < 0 ||
        highest_of(self->columns, self->n_columns, &self->highest) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    if (!forest_sound(self)) {
        PyErr_SetString(PyExc_ValueError, "the trees do not fit together");
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static PyObject *linear_sum(PyObject *object, PyObject *values) {
    Linear *self = (Linear *)object;
    double total = self->intercept;
    int tuple = kind_of(values, self->highest);
    if (tuple < 0) return NULL;
    for (Py_ssize_t i = 0; i < self->n; i++) {
        double x;
        if (number(item(values, tuple, self->columns[i]), &x) < 0) return NULL;
        if (isnan(x)) x = self->fill[i]; /* NaN where nothing stands for it */
        total += (x - self->centre[i]) / self->scale[i] * self->weight[i];
    }
    return PyFloat_FromDouble(total);
}

static void linear_dealloc(PyObject *object) {
    Linear *self = (Linear *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    PyMem_Free(self->columns);
    PyMem_Free(self->fill);
    PyMem_Free(self->centre);
    PyMem_Free(self->scale);
    PyMem_Free(self->weight);
    release(object);
    Py_DECREF(type);
}

/* Linear(intercept, columns, fill, centre, scale, weight) */
static PyObject *linear_new(PyTypeObject *type, PyObject *args, PyObject *options) {
    PyObject *columns, *arrays[4];
    Py_ssize_t counts[4] = {0, 0, 0, 0};
    double intercept;
    (void)options;
    if (!PyArg_ParseTuple(args, "dOOOOO", &intercept, &columns, &arrays[0], &arrays[1], &arrays[2], &arrays[3]))
        return NULL;
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Linear *self = (Linear *)alloc(type, 0);
    if (self == NULL) return NULL;
    self->intercept = intercept;
    double **places[4] = {&self->fill, &self->centre, &self->scale, &self->weight};
    int wrong = copied(columns, sizeof(int32_t), (void **)&self->columns, &self->n) < 0 ||
                highest_of(self->columns, self->n, &self->highest) < 0;
    for (int i = 0; i < 4 && !wrong; i++) {
        wrong = copied(arrays[i], sizeof(double), (void **)places[i], &counts[i]) < 0;
        if (!wrong && counts[i] != self->n) {
            wrong = 1;
            PyErr_SetString(PyExc_ValueError, "arrays of different lengths");
        }
    }
    if (wrong) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static PyMethodDef forest_methods[] = {
    {"sum", forest_sum, METH_O, "The sum over all trees for one row of values."},
    {"sums", forest_sums, METH_VARARGS, "The sums for many rows, written to the second buffer."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot forest_slots[] = {
    {Py_tp_new, forest_new},
    {Py_tp_dealloc, forest_dealloc},
    {Py_tp_methods, forest_methods},
    {0, NULL},
};

static PyType_Spec forest_spec = {"soroi._native.walk.Forest", sizeof(Forest), 0, Py_TPFLAGS_DEFAULT, forest_slots};

static PyMethodDef linear_methods[] = {
    {"sum", linear_sum, METH_O, "The sum of all terms for one row of values."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot linear_slots[] = {
    {Py_tp_new, linear_new},
    {Py_tp_dealloc, linear_dealloc},
    {Py_tp_methods, linear_methods},
    {0, NULL},
};

static PyType_Spec linear_spec = {"soroi._native.walk.Linear", sizeof(Linear), 0, Py_TPFLAGS_DEFAULT, linear_slots};

static int filled(PyObject *module) {
    PyObject *forest = PyType_FromSpec(&forest_spec);
    if (forest == NULL || PyModule_AddObjectRef(module, "Forest", forest) < 0) {
        Py_XDECREF(forest);
        return -1;
    }
    Py_DECREF(forest);
    PyObject *linear = PyType_FromSpec(&linear_spec);
    if (linear == NULL || PyModule_AddObjectRef(module, "Linear", linear) < 0) {
        Py_XDECREF(linear);
        return -1;
    }
    Py_DECREF(linear);
    return PyModule_AddIntConstant(module, "API", API);
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, filled}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "walk", "Sums over trees and linear terms.", 0, NULL, module_slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_walk(void) { return PyModuleDef_Init(&definition); }
