/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sqs_answer.h"

#include "api/xml.h"

void sqs_answer_begin(struct sqs_answer *answer)
{
    answer->json = (struct writer){.out = answer->out};
    if (!answer->is_xml) {
        write_open(&answer->json, NULL, '{');
        return;
    }
    buffer_add_format(answer->out,
                      "<?xml version=\"1.0\"?><%sResponse xmlns=\"" SQS_NAMESPACE "\">",
                      answer->action);
    if (answer->has_result)
        buffer_add_format(answer->out, "<%sResult>", answer->action);
    answer->head = answer->out->len;
}

void sqs_answer_end(struct sqs_answer *answer)
{
    if (!answer->is_xml) {
        write_close(&answer->json, '}');
        return;
    }
    if (answer->has_result && answer->out->len == answer->head) {
        answer->out->len--; /* the tag closes itself */
        buffer_add_literal(answer->out, "/>");
    } else if (answer->has_result) {
        buffer_add_format(answer->out, "</%sResult>", answer->action);
    }
    buffer_add_format(answer->out,
                      "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata>"
                      "</%sResponse>\n",
                      answer->request_id, answer->action);
}

void sqs_answer_text(struct sqs_answer *answer, const char *name, struct text value)
{
    if (answer->is_xml)
        xml_add_element(answer->out, name, value);
    else
        write_text(&answer->json, name, value);
}

void sqs_answer_text_if(struct sqs_answer *answer, const char *name, struct text value)
{
    if (value.len > 0)
        sqs_answer_text(answer, name, value);
}

void sqs_answer_int(struct sqs_answer *answer, const char *name, int64_t value)
{
    if (answer->is_xml)
        buffer_add_format(answer->out, "<%s>%lld</%s>", name, (long long)value, name);
    else
        write_int(&answer->json, name, value);
}

void sqs_answer_bool(struct sqs_answer *answer, const char *name, bool value)
{
    if (answer->is_xml)
        xml_add_element(answer->out, name, value ? TEXT("true") : TEXT("false"));
    else
        write_bool(&answer->json, name, value);
}

void sqs_answer_list(struct sqs_answer *answer, const char *json_name)
{
    if (!answer->is_xml)
        write_open(&answer->json, json_name, '[');
}

void sqs_answer_list_end(struct sqs_answer *answer)
{
    if (!answer->is_xml)
        write_close(&answer->json, ']');
}

void sqs_answer_item(struct sqs_answer *answer, const char *xml_name)
{
    if (answer->is_xml)
        buffer_add_format(answer->out, "<%s>", xml_name);
    else
        write_open(&answer->json, NULL, '{');
}

void sqs_answer_item_end(struct sqs_answer *answer, const char *xml_name)
{
    if (answer->is_xml)
        buffer_add_format(answer->out, "</%s>", xml_name);
    else
        write_close(&answer->json, '}');
}

void sqs_answer_element(struct sqs_answer *answer, const char *xml_name, struct text value)
{
    if (answer->is_xml)
        xml_add_element(answer->out, xml_name, value);
    else
        write_text(&answer->json, NULL, value);
}

void sqs_answer_map(struct sqs_answer *answer, const char *json_name)
{
    if (!answer->is_xml)
        write_open(&answer->json, json_name, '{');
}

void sqs_answer_map_end(struct sqs_answer *answer)
{
    if (!answer->is_xml)
        write_close(&answer->json, '}');
}

void sqs_answer_entry(struct sqs_answer *answer, const char *xml_name, const char *key_name,
                      struct text key, struct text value)
{
    if (!answer->is_xml) {
        write_key(&answer->json, key);
        write_text(&answer->json, NULL, value);
        return;
    }
    buffer_add_format(answer->out, "<%s>", xml_name);
    xml_add_element(answer->out, key_name, key);
    xml_add_element(answer->out, "Value", value);
    buffer_add_format(answer->out, "</%s>", xml_name);
}

void sqs_answer_entry_begin(struct sqs_answer *answer, const char *xml_name, struct text key)
{
    if (!answer->is_xml) {
        write_key(&answer->json, key);
        write_open(&answer->json, NULL, '{');
        return;
    }
    buffer_add_format(answer->out, "<%s>", xml_name);
    xml_add_element(answer->out, "Name", key);
    buffer_add_literal(answer->out, "<Value>");
}

void sqs_answer_entry_end(struct sqs_answer *answer, const char *xml_name)
{
    if (answer->is_xml)
        buffer_add_format(answer->out, "</Value></%s>", xml_name);
    else
        write_close(&answer->json, '}');
}
