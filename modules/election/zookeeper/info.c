/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in a leader's node: mesos.MasterInfo, as JSON today and packed in releases before 0.24. */
#include "election/zookeeper/zookeeper.h"

#include <errno.h>
#include <jansson.h>

#include "mesos/v1/mesos.pb-c.h"
#include "wire/message.h"

#define INFO_BYTES_MAX (64 << 10)

int
info_from_node(struct mesos_bytes data, bool json, struct buf *ret_packed, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    struct str bytes = str_n(data.data, data.len);
    struct err why = {0};

    if (data.len == 0)
        return err_set(err, -EINVAL, "it is empty");
    if (data.len > INFO_BYTES_MAX)
        return err_set(err, -EFBIG, "it has %zu bytes; a master's info has at most %d", data.len, INFO_BYTES_MAX);
    Mesos__V1__MasterInfo *info =
        json ? MESSAGE_FROM_JSON(Mesos__V1__MasterInfo, mesos__v1__master_info, bytes, arena, &why)
             : MESSAGE_UNPACK(Mesos__V1__MasterInfo, mesos__v1__master_info, bytes, arena, &why);
    if (!info)
        return err_set(err, -EINVAL, "it is no MasterInfo: %s", why.text);
    buf_clear(ret_packed);
    message_pack(ret_packed, info);
    return 0;
}

/* To the byte what Apache Mesos writes: members in the order of their names. */
void
info_to_json(struct mesos_bytes packed, struct buf *ret_json)
{
    auto_buf struct buf declared = {0};

    message_transcode(&declared, &mesos__v1__master_info__descriptor, str_n(packed.data, packed.len));
    json_t *tree = json_loadb(buf_data(&declared), declared.len, 0, NULL);
    auto_free char *text = json_dumps(tree, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    json_decref(tree);
    buf_clear(ret_json);
    buf_puts(ret_json, text);
}
