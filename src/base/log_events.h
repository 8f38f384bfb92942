/* base/log_events.h - every event that may appear in the log, once. Names are stable: operators match on them,
 * so a row is never renamed, only appended (in any area's own block). The number is not shown anywhere.
 * Columns: identifier, name, level, text for people. */
#ifndef HF_BASE_LOG_EVENTS_H
#define HF_BASE_LOG_EVENTS_H

/* clang-format off */
#define HF_LOG_MAP(X)                                                                       \
    /* process */                                                                           \
    X(HF_LOG_STARTED, "started", INFO, "gateway started")                                   \
    X(HF_LOG_STOPPING, "stopping", INFO, "gateway is stopping")                             \
    X(HF_LOG_STOPPED, "stopped", INFO, "gateway stopped")                                   \
    X(HF_LOG_LISTENING, "listening", INFO, "accepting connections")                         \
    X(HF_LOG_CONFIG_REJECTED, "config_rejected", ERROR, "configuration rejected")           \
    X(HF_LOG_RELOAD, "reload", INFO, "configuration reloaded")                              \
    X(HF_LOG_TLS_RELOADED, "tls_reloaded", INFO, "certificates reloaded")                   \
    X(HF_LOG_TLS_REJECTED, "tls_rejected", ERROR, "certificates rejected, old ones stay")   \
    X(HF_LOG_JWKS_FETCHED, "jwks_fetched", INFO, "key set fetched, in force")               \
    X(HF_LOG_JWKS_FAILED, "jwks_failed", WARN, "key set not fetched, the last good one stays") \
    X(HF_LOG_CERTIFICATE_FAILED, "certificate_failed", ERROR, "the next certificate of a device could not be signed") \
    X(HF_LOG_DRAIN_STARTED, "drain_started", INFO, "draining connections")                  \
    X(HF_LOG_DRAIN_DONE, "drain_done", INFO, "drained")                                     \
    /* connections: the schema of OBS-5 */                                                  \
    X(HF_LOG_CONN_OPEN, "conn_open", INFO, "connection opened")                             \
    X(HF_LOG_CONN_MSG, "conn_msg", DEBUG, "message")                                        \
    X(HF_LOG_CONN_STATE, "conn_state", DEBUG, "connection changed state")                   \
    X(HF_LOG_CONN_CLOSE, "conn_close", INFO, "connection closed")                           \
    X(HF_LOG_CONN_REFUSED, "conn_refused", WARN, "connection refused")                      \
    X(HF_LOG_CONN_ERROR, "conn_error", WARN, "connection failed")                           \
    X(HF_LOG_AUTH_FAILED, "auth_failed", WARN, "authentication failed")                     \
    /* platforms above */                                                                   \
    X(HF_LOG_UPSTREAM_REGISTERED, "upstream_registered", INFO, "registered at a platform above") \
    X(HF_LOG_UPSTREAM_FAILED, "upstream_failed", WARN, "not registered at a platform above") \
    X(HF_LOG_UPSTREAM_LOOP, "upstream_loop", WARN, "a platform above would register here, too: refused") \
    X(HF_LOG_UPSTREAM_LEFT, "upstream_left", INFO, "registration at a platform above ended") \
    /* event log and store */                                                               \
    X(HF_LOG_LOG_RECOVERED, "log_recovered", INFO, "event log recovered")                   \
    X(HF_LOG_LOG_SEGMENT, "log_segment", DEBUG, "event log segment started or deleted")     \
    X(HF_LOG_LOG_CUT, "log_cut", WARN, "torn tail of the event log cut off")                \
    X(HF_LOG_LOG_DAMAGED, "log_damaged", ERROR, "event log segment damaged and refused")    \
    X(HF_LOG_LOG_DAMAGE_FOUND, "log_damage_found", ERROR, "damage of the event log found while running") \
    X(HF_LOG_LOG_FULL, "log_full", ERROR, "event log has no space left")                    \
    X(HF_LOG_LOG_SPACE_AGAIN, "log_space_again", INFO, "event log has space again")         \
    X(HF_LOG_LOG_ERROR, "log_error", ERROR, "event log cannot be written")                  \
    X(HF_LOG_STORE_REPLAYED, "store_replayed", INFO, "event log replayed into the tables")  \
    X(HF_LOG_SHADOWS_INDEXED, "shadows_indexed", INFO, "shadows indexed anew: another list of fields, or a newer form of the index") \
    X(HF_LOG_STORE_ERROR, "store_error", ERROR, "table store failed")                       \
    /* health */                                                                            \
    X(HF_LOG_LOOP_STALL, "loop_stall", WARN, "a loop turn took too long")                   \
    X(HF_LOG_POOL_WARNING, "pool_warning", WARN, "a pool is nearly full")                   \
    X(HF_LOG_POOL_ITEM_HELD, "pool_item_held", WARN, "somebody holds an item of a pool for more than a minute") \
    X(HF_LOG_CONN_LEAK, "connections_leaking", WARN, "sockets stay that no table of connections has: a defect, report it") \
    X(HF_LOG_CONN_LEAK_CALM, "connections_leak_calm", INFO, "no socket was leaked for an hour") \
    X(HF_LOG_MEDIA_PORTS_SHORT, "media_ports_short", WARN, "media ports are nearly all in use") \
    X(HF_LOG_MEDIA_PORTS_CALM, "media_ports_calm", INFO, "there are media ports again")     \
    X(HF_LOG_SSRC_SHORT, "ssrc_short", WARN, "SSRCs of a media server are nearly all in use") \
    X(HF_LOG_SSRC_CALM, "ssrc_calm", INFO, "a media server has SSRCs again")                \
    X(HF_LOG_BREAKER_OPEN, "breaker_open", WARN, "a device does not answer: commands are refused") \
    X(HF_LOG_BREAKER_CLOSED, "breaker_closed", INFO, "a device answers again")              \
    X(HF_LOG_LOG_LINES_DROPPED, "log_lines_dropped", WARN, "log lines were dropped here: nobody took them, or they could not be written") \
    X(HF_LOG_AUDIT, "audit", INFO, "administrative action")                                 \
    X(HF_LOG_INTERNAL, "internal", ERROR, "internal error")
/* clang-format on */

#define HF_LOG_EVENT_ENUM(id, name, level, text) id,
enum hf_log_event { HF_LOG_MAP(HF_LOG_EVENT_ENUM) HF_LOG_EVENTS };
#undef HF_LOG_EVENT_ENUM

#endif
