/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled schema against the fact tables: every message, field and enum value outside CSI is there with
 * its name, number, label, type and default, and nothing else is. Names go through one rename table with its
 * exceptions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/descriptors.h"
#include "lib/facts.h"
#include "wire/field.h"

enum { COLUMNS_MAX = 16, RULES_MAX = 64 };

struct rule {
    struct str kind, from, to;
};

static struct buf rules_text;
static struct rule rules[RULES_MAX];
static size_t rule_count;
static unsigned used[RULES_MAX];

/* ---- tables ---- */

static size_t
split(struct str line, struct str *columns)
{
    size_t n = 0;
    for (; n < COLUMNS_MAX; n++) {
        const char *tab = memchr(line.ptr, '\t', line.len);
        columns[n] = tab ? str_n(line.ptr, (size_t)(tab - line.ptr)) : line;
        if (!tab)
            return n + 1;
        line = str_n(tab + 1, line.len - (size_t)(tab + 1 - line.ptr));
    }
    return n;
}

static int
load_rules(void **state)
{
    facts_read("renames.tsv", &rules_text);
    struct str text = buf_str(&rules_text), columns[COLUMNS_MAX];
    while (text.len) {
        struct str line = str_cut(&text, '\n');
        if (!line.len || *line.ptr == '#')
            continue;
        assert_true(rule_count < RULES_MAX);
        assert_true(split(line, columns) >= 3);
        rules[rule_count++] = (struct rule){columns[0], columns[1], columns[2]};
    }
    return 0;
}

static bool
covers(struct str prefix, struct str name)
{
    return str_starts(name, prefix) && (name.len == prefix.len || name.ptr[prefix.len] == '.');
}

static const struct rule *
find_rule(const char *kind, struct str name, bool whole)
{
    const struct rule *best = NULL;
    for (size_t i = 0; i < rule_count; i++) {
        if (!str_is(rules[i].kind, kind) ||
            !(whole ? str_eq(rules[i].from, name) : covers(rules[i].from, name)))
            continue;
        if (!best || rules[i].from.len > best->from.len)
            best = &rules[i];
    }
    if (best)
        used[best - rules]++;
    return best;
}

static bool
is_skipped(struct str name)
{
    return find_rule("skip", name, false) != NULL;
}

static void
apply_words(struct buf *name)
{
    for (size_t i = 0; i < rule_count; i++) {
        if (!str_is(rules[i].kind, "word"))
            continue;
        auto_buf struct buf out = {0};
        struct str rest = buf_str(name);
        while (rest.len) {
            if (str_starts(rest, rules[i].from)) {
                used[i]++;
                buf_append_str(&out, rules[i].to);
                rest = str_n(rest.ptr + rules[i].from.len, rest.len - rules[i].from.len);
            } else {
                buf_putc(&out, *rest.ptr);
                rest = str_n(rest.ptr + 1, rest.len - 1);
            }
        }
        buf_clear(name);
        buf_append_str(name, buf_str(&out));
    }
}

/* Our name of a type of the tables. *ret_words: the names inside it change too. */
static char *
our_type(struct str name, bool *ret_words)
{
    struct buf out = {0};
    const struct rule *prefix = find_rule("keep", name, true) ? NULL : find_rule("prefix", name, false);
    *ret_words = prefix && !str_eq(prefix->from, prefix->to);
    if (!*ret_words) {
        buf_append_str(&out, name);
        return buf_take(&out);
    }
    buf_append_str(&out, str_n(name.ptr + prefix->from.len, name.len - prefix->from.len));
    apply_words(&out);
    auto_free char *rest = buf_take(&out);
    buf_append_str(&out, prefix->to);
    buf_puts(&out, rest);
    return buf_take(&out);
}

static char *
our_name(struct str name, bool words)
{
    struct buf out = {0};
    buf_append_str(&out, name);
    if (words)
        apply_words(&out);
    return buf_take(&out);
}

/* Calls fn with the columns of every row but the header. */
static size_t
each_row(const char *table, size_t columns_min, void (*fn)(const struct str *columns))
{
    auto_buf struct buf text = {0};
    struct str columns[COLUMNS_MAX];
    size_t rows = 0;
    facts_read(table, &text);
    struct str rest = buf_str(&text);
    str_cut(&rest, '\n');
    while (rest.len) {
        struct str line = str_cut(&rest, '\n');
        assert_true(split(line, columns) >= columns_min);
        fn(columns);
        rows++;
    }
    return rows;
}

/* ---- fields ---- */

static const ProtobufCMessageDescriptor *
find_message(struct str package, struct str message, bool *ret_words)
{
    auto_free char *theirs = xasprintf("%.*s.%.*s", STR_ARG(package), STR_ARG(message));
    auto_free char *name = our_type(str_of(theirs), ret_words);
    const ProtobufCMessageDescriptor *type = message_type(name);
    if (!type)
        fail_msg("no message %s (for %s)", name, theirs);
    return type;
}

static void
check_label(const ProtobufCFieldDescriptor *field, struct str label, bool in_oneof, const char *name)
{
    ProtobufCLabel want = str_is(label, "required")                           ? PROTOBUF_C_LABEL_REQUIRED
                          : str_is(label, "repeated") || str_is(label, "map") ? PROTOBUF_C_LABEL_REPEATED
                          : str_is(label, "optional")                         ? PROTOBUF_C_LABEL_OPTIONAL
                                                                              : PROTOBUF_C_LABEL_NONE;
    /* A member of a oneof has no label in the language; protobuf-c keeps it as optional or as nothing. */
    if (field->label != want && !in_oneof)
        fail_msg("%s: label should be %.*s", name, STR_ARG(label));
    if (in_oneof != field_is_oneof(field))
        fail_msg("%s: %s a oneof", name, in_oneof ? "should be in" : "should not be in");
}

static const char *
scalar_name(ProtobufCType type)
{
    static const char *const names[] = {
        [PROTOBUF_C_TYPE_INT32] = "int32",       [PROTOBUF_C_TYPE_SINT32] = "sint32",
        [PROTOBUF_C_TYPE_SFIXED32] = "sfixed32", [PROTOBUF_C_TYPE_INT64] = "int64",
        [PROTOBUF_C_TYPE_SINT64] = "sint64",     [PROTOBUF_C_TYPE_SFIXED64] = "sfixed64",
        [PROTOBUF_C_TYPE_UINT32] = "uint32",     [PROTOBUF_C_TYPE_FIXED32] = "fixed32",
        [PROTOBUF_C_TYPE_UINT64] = "uint64",     [PROTOBUF_C_TYPE_FIXED64] = "fixed64",
        [PROTOBUF_C_TYPE_FLOAT] = "float",       [PROTOBUF_C_TYPE_DOUBLE] = "double",
        [PROTOBUF_C_TYPE_BOOL] = "bool",         [PROTOBUF_C_TYPE_STRING] = "string",
        [PROTOBUF_C_TYPE_BYTES] = "bytes",       [PROTOBUF_C_TYPE_ENUM] = "enum",
        [PROTOBUF_C_TYPE_MESSAGE] = "message",
    };
    return names[type];
}

static const char *
type_name(const ProtobufCFieldDescriptor *field)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return ((const ProtobufCMessageDescriptor *)field->descriptor)->name;
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        return ((const ProtobufCEnumDescriptor *)field->descriptor)->name;
    return scalar_name(field->type);
}

static void
check_type(const ProtobufCFieldDescriptor *field, struct str type, const char *name)
{
    bool words;
    const struct rule *altered = find_rule("alter", str_of(name), true);
    auto_free char *want = our_type(altered ? altered->to : type, &words);
    if (strcmp(type_name(field), want) != 0)
        fail_msg("%s: type should be %s, is %s", name, want, type_name(field));
}

static void
check_map_type(const ProtobufCFieldDescriptor *field, struct str type, const char *name)
{
    assert_true(str_starts(type, STR_LIT("map<")) && str_ends(type, STR_LIT(">")));
    if (!field_is_map(field))
        fail_msg("%s: should be a map", name);
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    struct str value = str_n(type.ptr + 4, type.len - 5), key = str_cut(&value, ',');
    check_type(&entry->fields[0], key, name);
    check_type(&entry->fields[1], value, name);
}

static bool
default_is(const ProtobufCFieldDescriptor *field, struct str want)
{
    const void *have = field->default_value;
    double number = 0;
    int32_t value = 0;
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return str_is(want, have);
    case PROTOBUF_C_TYPE_BOOL:
        return str_is(want, *(const protobuf_c_boolean *)have ? "true" : "false");
    case PROTOBUF_C_TYPE_ENUM:
        return enum_number(field->descriptor, want, &value) && value == *(const int32_t *)have;
    case PROTOBUF_C_TYPE_DOUBLE:
        return str_to_double(want, &number) == 0 && number == *(const double *)have;
    case PROTOBUF_C_TYPE_INT32:
        return str_to_double(want, &number) == 0 && number == *(const int32_t *)have;
    case PROTOBUF_C_TYPE_UINT32:
        return str_to_double(want, &number) == 0 && number == *(const uint32_t *)have;
    case PROTOBUF_C_TYPE_UINT64:
        return str_to_double(want, &number) == 0 && number == (double)*(const uint64_t *)have;
    default:
        return false;
    }
}

/* protobuf-c gives every proto3 string and every string of a map entry the empty one as its default. */
static void
check_default(const ProtobufCFieldDescriptor *field, struct str want, const char *name)
{
    bool has = field->default_value &&
               !(field->type == PROTOBUF_C_TYPE_STRING && !*(const char *)field->default_value);
    if (has != (want.len > 0))
        fail_msg("%s: %s a default", name, has ? "should not have" : "should have");
    if (has && !default_is(field, want))
        fail_msg("%s: default should be %.*s", name, STR_ARG(want));
}

/* package message number label type kind field default oneof deprecated packed file */
static void
check_field(const struct str *row)
{
    bool words;
    uint64_t number;
    if (is_skipped(row[0]))
        return;
    const ProtobufCMessageDescriptor *type = find_message(row[0], row[1], &words);
    auto_free char *name = xasprintf("%.*s.%.*s.%.*s", STR_ARG(row[0]), STR_ARG(row[1]), STR_ARG(row[6]));
    auto_free char *field_name = our_name(row[6], words);
    assert_int_equal(str_to_u64(row[2], &number), 0);
    int index = field_by_number(type, (uint32_t)number);
    if (index < 0)
        fail_msg("%s: no field of %s has number %u", name, type->name, (unsigned)number);
    const ProtobufCFieldDescriptor *field = &type->fields[index];
    if (strcmp(field->name, field_name) != 0)
        fail_msg("%s: number %u is %s.%s, should be %s", name, (unsigned)number, type->name, field->name,
                 field_name);
    assert_int_equal(field_by_name(type, str_of(field_name)), index);
    check_label(field, row[3], row[8].len > 0, name);
    if (str_is(row[3], "map"))
        check_map_type(field, row[4], name);
    else
        check_type(field, row[4], name);
    check_default(field, row[7], name);
    if (!words && str_is(row[9], "1") != !!(field->flags & PROTOBUF_C_FIELD_FLAG_DEPRECATED))
        fail_msg("%s: deprecated should be %.*s", name, STR_ARG(row[9]));
    bool packed = field->flags & PROTOBUF_C_FIELD_FLAG_PACKED;
    if (str_is(row[10], "1") != packed)
        fail_msg("%s: packed should be %.*s", name, STR_ARG(row[10]));
}

static void
test_every_field_of_the_facts(void **state)
{
    assert_true(each_row("wire/fields.tsv", 11, check_field) > 3000);
}

/* ---- messages, and nothing more than the facts ---- */

static unsigned fields_expected[1024];

static size_t
message_index(const ProtobufCMessageDescriptor *type)
{
    for (size_t i = 0; all_messages[i]; i++) {
        if (all_messages[i] == type)
            return i;
    }
    fail_msg("%s is not among all messages", type->name);
    return 0;
}

/* A member that is ours: listed, and numbered where theirs will not come. */
static bool
is_extra(const char *type, const char *member, uint32_t number)
{
    auto_free char *name = xasprintf("%s.%s", type, member);
    return number >= 1000 && find_rule("extra", str_of(name), true);
}

/* package message field_count ... */
static void
check_message(const struct str *row)
{
    bool words;
    uint64_t count;
    if (is_skipped(row[0]))
        return;
    const ProtobufCMessageDescriptor *type = find_message(row[0], row[1], &words);
    assert_int_equal(str_to_u64(row[2], &count), 0);
    fields_expected[message_index(type)] = (unsigned)count + 1;
    unsigned extra = 0;
    for (unsigned i = 0; i < type->n_fields; i++)
        extra += is_extra(type->name, type->fields[i].name, type->fields[i].id);
    if (type->n_fields != count + extra)
        fail_msg("%s has %u fields, should have %u", type->name, type->n_fields, (unsigned)count + extra);
    assert_true(type->n_fields <= FIELDS_MAX);
}

static bool
is_map_entry(const ProtobufCMessageDescriptor *type)
{
    for (size_t i = 0; all_messages[i]; i++) {
        for (unsigned j = 0; j < all_messages[i]->n_fields; j++) {
            if (all_messages[i]->fields[j].descriptor == type && field_is_map(&all_messages[i]->fields[j]))
                return true;
        }
    }
    return false;
}

static void
test_every_message_of_the_facts_and_no_other(void **state)
{
    assert_true(each_row("wire/messages.tsv", 3, check_message) > 1000);
    for (size_t i = 0; all_messages[i]; i++) {
        assert_true(i < sizeof(fields_expected) / sizeof(fields_expected[0]));
        if (!fields_expected[i] && !is_map_entry(all_messages[i]) &&
            !find_rule("extra", str_of(all_messages[i]->name), false))
            fail_msg("the facts do not have %s", all_messages[i]->name);
    }
}

/* ---- enums ---- */

/* package enum name number deprecated allow_alias file */
static void
check_enum_value(const struct str *row)
{
    bool words;
    double number;
    int32_t value;
    if (is_skipped(row[0]))
        return;
    auto_free char *theirs = xasprintf("%.*s.%.*s", STR_ARG(row[0]), STR_ARG(row[1]));
    auto_free char *name = our_type(str_of(theirs), &words), *value_name = our_name(row[2], words);
    const ProtobufCEnumDescriptor *type = enum_type(name);
    if (!type)
        fail_msg("no enum %s (for %s)", name, theirs);
    if (!enum_number(type, str_of(value_name), &value))
        fail_msg("%s has no value %s", name, value_name);
    assert_int_equal(str_to_double(row[3], &number), 0);
    if (number != value)
        fail_msg("%s.%s is %d, should be %.*s", name, value_name, value, STR_ARG(row[3]));
    const char *shown = enum_name(type, value);
    assert_non_null(shown);
    if (str_is(row[5], "0"))
        assert_string_equal(shown, value_name);
}

static struct str counted_enum;
static unsigned counted_values;

static void
count_values(const struct str *row)
{
    bool words;
    auto_free char *theirs = xasprintf("%.*s.%.*s", STR_ARG(row[0]), STR_ARG(row[1]));
    auto_free char *name = our_type(str_of(theirs), &words);
    /* A type of ours may stand for two of theirs: count the rows of the one that bears its own name. */
    counted_values += strcmp(theirs, name) == 0 && str_is(counted_enum, name);
}

static void
test_every_enum_value_of_the_facts_and_no_other(void **state)
{
    assert_true(each_row("wire/enums.tsv", 6, check_enum_value) > 1000);
    for (size_t i = 0; all_enums[i]; i++) {
        counted_enum = str_of(all_enums[i]->name);
        counted_values = 0;
        each_row("wire/enums.tsv", 6, count_values);
        for (unsigned j = 0; j < all_enums[i]->n_values; j++)
            counted_values += is_extra(all_enums[i]->name, all_enums[i]->values[j].name,
                                       (uint32_t)all_enums[i]->values[j].value);
        if (counted_values != all_enums[i]->n_value_names &&
            !find_rule("extra", str_of(all_enums[i]->name), false))
            fail_msg("%s has %u values, the facts %u", all_enums[i]->name, all_enums[i]->n_value_names,
                     counted_values);
    }
}

/* ---- the rename table itself ---- */

static void
test_every_rename_is_used(void **state)
{
    for (size_t i = 0; i < rule_count; i++) {
        if (!used[i])
            fail_msg("renames.tsv: nothing needs '%.*s %.*s'", STR_ARG(rules[i].kind),
                     STR_ARG(rules[i].from));
    }
}

static int
drop_rules(void **state)
{
    buf_fini(&rules_text);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field_of_the_facts),
        cmocka_unit_test(test_every_message_of_the_facts_and_no_other),
        cmocka_unit_test(test_every_enum_value_of_the_facts_and_no_other),
        cmocka_unit_test(test_every_rename_is_used),
    };
    return cmocka_run_group_tests(tests, load_rules, drop_rules);
}
