/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of limits on what comes from outside. Everything beyond is answered with an error that names it. */
#ifndef WIRE_LIMITS_H
#define WIRE_LIMITS_H

enum {
    LIMIT_MESSAGE_BYTES = 64 << 20, /* one body, one RecordIO record, one decoded message */
    LIMIT_MESSAGE_MEMORY = 256 << 20, /* what decoding one message may allocate */
    LIMIT_BODIES_BYTES = 512 << 20, /* bodies of requests that one server holds at the same time */
    LIMIT_DEPTH = 100, /* nesting of JSON and protobuf */
    LIMIT_HEADER_BYTES = 64 << 10, /* request line and headers; and trailers */
    LIMIT_HEADERS = 200, /* header lines */
    LIMIT_PIPELINE = 64, /* requests of one connection that are answered at the same time */
    LIMIT_CONNECTIONS = 60000, /* per server; fewer where descriptors are few */
    LIMIT_TEMPORARY_PEERS = 4096, /* connections to libprocess peers that nobody linked; more messages are lost */
    LIMIT_HEADER_SECS = 60, /* a request whose head is not complete by then is closed */
    LIMIT_STALL_SECS = 60, /* an answer of which the peer takes nothing for so long is cut off */
    LIMIT_STALE_BYTES = 256 << 20, /* replaced pages that unfinished answers hold; then the slowest reader is cut off */
    LIMIT_SUBSCRIBER_BYTES = 64 << 20, /* queued for a subscriber that does not read; then it is cut off */
};

#endif
