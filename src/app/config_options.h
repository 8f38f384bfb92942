/* app/config_options.h - every option of the gateway, one row each. This table is the only place where an
 * option's name, type, unit, default, range and help are written: the structs of config.h, the YAML reader, the
 * HOLDFAST_* environment, --set, `holdfast default-config`, the messages of `check-config` and
 * doc/configuration.md are all made from it.
 *
 * Columns: kind, arg, name, default, min, max, change, help.
 *   kind     U64 BOOL TEXT MS (duration) US (duration) BYTES (size) ENUM FLAGS (set of names) TEXTS (list of texts)
 *            SECTION (a struct inside) LIST (any number of structs)
 *   arg      ENUM, FLAGS: name of the choices; SECTION, LIST: name of the struct; else _
 *   default  as it would be written in YAML; "" of a TEXT means absent (NULL in the struct)
 *   min,max  of numbers, in the unit of the name; most bytes of a TEXT, most items of a list
 *   change   LIVE: taken over on HUP; RESTART: needs a restart, and a reload says so
 *   help     one sentence or two; it is shown to people
 * Units are in the names: _ms and _us are durations (30000, "30s", "12h"), _bytes sizes (65536, "64KiB"). */
#ifndef HF_APP_CONFIG_OPTIONS_H
#define HF_APP_CONFIG_OPTIONS_H

/* One row, one line, as a table should be. */
/* clang-format off */
#define HF_CONFIG_ROWS_node(X) \
    X(TEXT, _, name, "", 0, 64, RESTART, "Name of this node in logs, metrics and the API. Empty: the host name.") \
    X(TEXT, _, data_dir, "/var/lib/holdfast", 1, 1024, RESTART, "Directory of the event log and the store. One running gateway per directory.") \
    X(U64, _, workers, "0", 0, 256, RESTART, "Worker threads, each with its own event loop. 0: one per CPU.") \
    X(BOOL, _, pin_workers, "false", 0, 1, RESTART, "Pin each worker to one CPU.") \
    X(BOOL, _, io_uring, "true", 0, 1, RESTART, "Write to many connections by one system call, where the kernel has io_uring (Linux 6.1) and lets us use it.") \
    X(MS, _, idle_slack_ms, "10ms", 0, 100, LIVE, "While nothing but heartbeats comes, a worker looks at its sockets this often at most, which saves most of their cost. The first message of a quiet time may wait so long, commands do not. 0: always at once.") \
    X(MS, _, commit_slack_ms, "1ms", 0, 10, LIVE, "While the log writes, a worker with little to do waits so long at most for it to finish before it reads more, which the log could not take sooner anyway; that spares most wake-ups. Commands and acknowledgements do not wait, heartbeats and requests may. 0: never.")

#define HF_CONFIG_ROWS_tls(X) \
    X(TEXT, _, cert_file, "", 0, 1024, LIVE, "PEM certificate chain, leaf first. Setting it makes the listener speak TLS.") \
    X(TEXT, _, key_file, "", 0, 1024, LIVE, "PEM private key (ECDSA P-256), readable by its owner only.") \
    X(TEXT, _, client_ca_file, "", 0, 1024, LIVE, "PEM certificates that sign device certificates; needed by verify.") \
    X(ENUM, tls_verify, verify, "none", 0, 0, RESTART, "Whether a device must show a certificate.") \
    X(TEXT, _, crl_file, "", 0, 1024, LIVE, "PEM certificate revocation lists.") \
    X(TEXT, _, deny_list_file, "", 0, 1024, LIVE, "Denied certificates, one a line: `sha256 <hex>`, or `serial <hex> issuer <hex>` with the SHA-256 of the issuer name.") \
    X(ENUM, tls_version, min_version, "1.3", 0, 0, LIVE, "Oldest TLS version taken.") \
    X(BOOL, _, allow_rsa, "false", 0, 1, LIVE, "Accept an RSA server key; its signature costs about 40 times more than ECDSA.") \
    X(BOOL, _, identity_from_cn, "false", 0, 1, LIVE, "Take the device id from the certificate's CN when it has no SAN URI `urn:holdfast:<tenant>:<device>`.") \
    X(TEXT, _, cn_tenant, "", 0, 64, LIVE, "Tenant of devices identified by CN.") \
    X(MS, _, ticket_life_ms, "24h", 0, 604800000, RESTART, "A TLS session can be resumed for this long; ticket keys change every 12 h. 0: no resumption.") \
    X(U64, _, resume_sessions_max, "131072", 1, 10000000, RESTART, "Resumable sessions kept when devices show certificates; the oldest goes first.")

#define HF_CONFIG_ROWS_listener(X) \
    X(TEXT, _, name, "", 1, 64, RESTART, "Name in logs and metrics; unique.") \
    X(TEXT, _, address, "127.0.0.1", 1, 64, RESTART, "Numeric IPv4 or IPv6 address; 0.0.0.0 or :: for all.") \
    X(U64, _, port, "8080", 0, 65535, RESTART, "TCP port. 0: the kernel chooses one, printed at start.") \
    X(FLAGS, role, roles, "[devices, api, console]", 1, 3, RESTART, "What this listener serves.") \
    X(SECTION, tls, tls, "", 0, 0, LIVE, "TLS of this listener; without cert_file it speaks plain text.") \
    X(ENUM, proxy_protocol, proxy_protocol, "off", 0, 0, RESTART, "Expect the PROXY protocol (v1 or v2) from the load balancer in front.") \
    X(TEXTS, _, proxy_allow, "[]", 0, 64, LIVE, "Addresses (CIDR) that may send a PROXY header; needed by proxy_protocol.") \
    X(BOOL, _, insecure, "false", 0, 1, RESTART, "Allow plain text on an address that is not loopback. Only behind something that does TLS.")

#define HF_CONFIG_ROWS_admin(X) \
    X(BOOL, _, enabled, "true", 0, 1, RESTART, "Serve /metrics, /livez, /readyz, /startupz and debugging on a listener of its own.") \
    X(TEXT, _, address, "127.0.0.1", 1, 64, RESTART, "Numeric address. Anything but loopback needs require_key and insecure.") \
    X(U64, _, port, "6060", 0, 65535, RESTART, "TCP port. 0: the kernel chooses one, printed at start.") \
    X(BOOL, _, require_key, "false", 0, 1, LIVE, "Ask for an API key with the scope metrics:read or admin.") \
    X(BOOL, _, insecure, "false", 0, 1, RESTART, "Allow this plain-text listener on an address that is not loopback.")

#define HF_CONFIG_ROWS_admission(X) \
    X(U64, _, connections_max, "100000", 1, 10000000, LIVE, "Connections of this node; the next is refused with 503 (plain) or closed before its handshake (TLS).") \
    X(U64, _, accept_per_s, "5000", 1, 1000000, LIVE, "New plain connections a second and worker.") \
    X(U64, _, accept_capacity, "5000", 1, 1000000, LIVE, "Plain connections a worker takes at once after a quiet time.") \
    X(U64, _, tls_accept_per_s, "500", 1, 1000000, LIVE, "New TLS connections a second and worker; a handshake costs CPU.") \
    X(U64, _, tls_accept_capacity, "500", 1, 1000000, LIVE, "TLS connections a worker takes at once after a quiet time.") \
    X(U64, _, prefix_v4_bits, "24", 8, 32, LIVE, "IPv4 peers share one prefix bucket by this many leading bits.") \
    X(U64, _, prefix_v6_bits, "64", 16, 128, LIVE, "IPv6 peers share one prefix bucket by this many leading bits.") \
    X(U64, _, prefix_per_s, "500", 0, 1000000, LIVE, "New connections a second from one prefix, per worker. 0: no prefix limit.") \
    X(U64, _, prefix_capacity, "5000", 1, 1000000, LIVE, "Connections from one prefix a worker takes at once after a quiet time.") \
    X(U64, _, header_bytes_max, "8192", 1024, 65536, LIVE, "Bytes of a request header; above: 431.") \
    X(U64, _, header_lines_max, "64", 8, 256, LIVE, "Lines of a request header; above: 431.") \
    X(MS, _, header_timeout_ms, "10s", 1000, 60000, LIVE, "A request header, and before it the TLS handshake, is complete this long after accept, or 408.") \
    X(MS, _, auth_timeout_ms, "5s", 1000, 60000, LIVE, "A connection without credentials ends after this (4401 auth_timeout).") \
    X(US, _, tls_turn_budget_us, "2000", 100, 100000, RESTART, "CPU time for handshakes in one turn of a loop, so that live traffic goes on.")

#define HF_CONFIG_ROWS_deflate(X) \
    X(BOOL, _, enabled, "false", 0, 1, LIVE, "Offer permessage-deflate (RFC 7692) to peers that ask for it.") \
    X(U64, _, server_window_bits, "12", 9, 15, RESTART, "Largest window of our compressor, as a power of two.") \
    X(U64, _, client_window_bits, "12", 9, 15, LIVE, "Largest window of the peer's compressor, as a power of two.") \
    X(BYTES, _, min_bytes, "512", 0, 1048576, LIVE, "Smaller messages are sent as they are.") \
    X(U64, _, takeover_connections_max, "0", 0, 1000000, LIVE, "Connections of a worker that may keep their windows from message to message (context takeover), for up to 70 KiB each at 12 bits and 210 KiB at 15. 0: none.")

#define HF_CONFIG_ROWS_websocket(X) \
    X(BYTES, _, message_bytes_max, "1MiB", 1024, 2096128, LIVE, "Largest message, after decompression; above: 1009 message_too_big.") \
    X(BYTES, _, unauthenticated_message_bytes_max, "4KiB", 256, 1048576, LIVE, "Largest message before authentication.") \
    X(U64, _, fragments_max, "1024", 1, 65535, LIVE, "Most fragments of one message; above: 1009.") \
    X(MS, _, close_timeout_ms, "5s", 100, 60000, LIVE, "How long the peer's Close frame is awaited.") \
    X(MS, _, write_timeout_ms, "10s", 1000, 300000, LIVE, "Output that makes no progress for this long ends the connection (4408 write_timeout).") \
    X(SECTION, deflate, deflate, "", 0, 0, LIVE, "Compression of messages.") \
    X(TEXTS, _, origins, "[]", 0, 256, LIVE, "Origins that browsers may connect from, such as https://console.example.com; * for any. A request without Origin is no browser and passes.")

#define HF_CONFIG_ROWS_heartbeat(X) \
    X(MS, _, idle_ms, "30s", 1000, 60000, LIVE, "A Ping after this long without inbound data.") \
    X(MS, _, repeat_ms, "7500ms", 500, 60000, LIVE, "The Ping is repeated after each of these without an answer.") \
    X(MS, _, dead_ms, "60s", 2000, 60000, LIVE, "Silent this long means dead (4408 heartbeat_timeout). Nothing may be silent longer than 60 s.")

#define HF_CONFIG_ROWS_session(X) \
    X(BOOL, _, enabled, "true", 0, 1, LIVE, "Speak holdfast.v1 and holdfast.v1.json with devices that offer it. Off: raw mode only.") \
    X(U64, _, window_messages, "256", 1, 4096, LIVE, "Messages one device may have sent that are not durable yet.") \
    X(BYTES, _, window_bytes, "1MiB", 1024, 16777216, LIVE, "The same in bytes of payload.") \
    X(MS, _, resume_ms, "5m", 1000, 604800000, LIVE, "A session can be resumed so long after the last sign of life; later it is rebuilt.") \
    X(U64, _, return_per_s, "0", 0, 1000000, RESTART, "Return tickets bring a fleet back at this many connections a second, all workers together. 0: admission.tls_accept_per_s of each worker.") \
    X(ENUM, profile, profile, "default", 0, 0, LIVE, "Liveness profile of devices that wish for none.") \
    X(U64, _, misses, "3", 2, 10, LIVE, "Heartbeats missed in a row that end a connection, in the profiles ha and adaptive.")

#define HF_CONFIG_ROWS_delivery(X) \
    X(BYTES, _, send_queue_high_bytes, "256KiB", 4096, 67108864, LIVE, "Bytes queued for one connection from which the class policy acts; control frames are exempt.") \
    X(BYTES, _, send_queue_low_bytes, "64KiB", 1024, 67108864, LIVE, "Below this the connection counts as drained again.") \
    X(ENUM, policy, telemetry, "drop_oldest", 0, 0, LIVE, "What happens to telemetry above the high mark.") \
    X(ENUM, policy, message, "must_deliver", 0, 0, LIVE, "What happens to messages above the high mark.") \
    X(MS, _, sample_every_ms, "1s", 10, 3600000, LIVE, "Of the policy sample: the newest of each topic in each of these waits for a slow reader. It acts on all that has to wait, also below the high mark; who keeps up gets everything.") \
    X(U64, _, outbox_messages_max, "1000", 1, 1000000, LIVE, "Messages waiting for one device; above: 429 queue_full.") \
    X(BYTES, _, outbox_bytes_max, "1MiB", 1024, 1073741824, LIVE, "Bytes waiting for one device; above: 429 queue_full.") \
    X(MS, _, ttl_default_ms, "24h", 1000, 604800000, LIVE, "Time to live of messages and commands that name none.") \
    X(MS, _, ttl_max_ms, "24h", 1000, 604800000, LIVE, "Longest time to live that may be asked for.") \
    X(MS, _, command_wait_max_ms, "60s", 1000, 300000, LIVE, "Longest time an API call may wait for a command's result, or for a device to apply a change of its shadow.") \
    X(MS, _, idempotency_ms, "1h", 60000, 604800000, LIVE, "Results are kept this long under their idempotency key after completion.")

#define HF_CONFIG_ROWS_limits(X) \
    X(U64, _, device_uplink_per_s, "1000", 1, 1000000, LIVE, "Messages a second from one device; above, its socket is not read.") \
    X(U64, _, device_uplink_capacity, "2000", 1, 1000000, LIVE, "Messages one device may send at once after a quiet time.") \
    X(U64, _, command_per_s, "20", 1, 100000, LIVE, "Commands a second to one device; above: 429 rate_limit.") \
    X(U64, _, command_capacity, "40", 1, 100000, LIVE, "Commands to one device at once after a quiet time.") \
    X(U64, _, subscriptions_max, "64", 1, 1024, LIVE, "Topics one connection may subscribe to.") \
    X(U64, _, api_key_per_s, "2000", 1, 1000000, LIVE, "Requests a second with one API key; above: 429 rate_limit.") \
    X(U64, _, api_key_capacity, "4000", 1, 1000000, LIVE, "Requests with one API key at once after a quiet time.") \
    X(U64, _, mailbox_entries_max, "1024", 64, 65536, RESTART, "Entries of a mailbox between two threads; full means that the socket is not read.")

#define HF_CONFIG_ROWS_shadow(X) \
    X(BYTES, _, section_bytes, "32KiB", 256, 32768, LIVE, "Text of one section of a shadow (reported, desired, tags) at most; above: 413 message_too_big.") \
    X(U64, _, depth, "8", 1, 8, LIVE, "Levels of one section at most.") \
    X(ENUM, merge, merge, "version", 0, 0, LIVE, "What becomes of a change of a shadow that was made from an older version, where neither the change nor the shadow has a rule of its own.") \
    X(U64, _, names_max, "16", 0, 1024, LIVE, "Named shadows of one device besides the unnamed one; above: 429 tenant_limit.") \
    X(U64, _, changes_per_s, "100", 1, 100000, LIVE, "Changes a second of one shadow; above: 429 rate_limit.") \
    X(U64, _, changes_capacity, "200", 1, 100000, LIVE, "Changes of one shadow at once after a quiet time.") \
    X(U64, _, history_versions, "100", 1, 1000, LIVE, "Versions of a shadow that are kept to be read again, the present one included.") \
    X(BYTES, _, history_bytes, "1MiB", 4096, 1073741824, LIVE, "So many bytes of versions are kept at most: fewer than history_versions when a shadow is large.") \
    X(MS, _, history_ms, "30d", 60000, 31536000000, RESTART, "A version is kept so long once there is a newer one.")

#define HF_CONFIG_ROWS_presence(X) \
    X(MS, _, history_ms, "30d", 60000, 31536000000, RESTART, "When a device was there is kept so long; the newest of it always.") \
    X(BYTES, _, history_bytes, "64KiB", 4096, 1048576, RESTART, "And so many bytes of it at most per device; about 100 for each time that it comes, goes or falls silent.")

#define HF_CONFIG_ROWS_audit(X) \
    X(MS, _, history_ms, "365d", 60000, 315360000000, RESTART, "Who did what is kept so long, whatever the event log keeps.") \
    X(BYTES, _, history_bytes, "64MiB", 65536, 17179869184, RESTART, "And so many bytes of it at most per tenant, for each of three kinds: acts (keys, revocations), other requests (messages, commands, shadows), and faults; about 200 an entry.")

#define HF_CONFIG_ROWS_log(X) \
    X(BYTES, _, segment_bytes, "64MiB", 1048576, 4294967296, RESTART, "Size of one segment file of the event log.") \
    X(BYTES, _, retention_bytes, "20GiB", 2097152, 1099511627776000, LIVE, "The log is cut at its old end above this size.") \
    X(MS, _, retention_ms, "7d", 60000, 31536000000, LIVE, "Segments older than this are removed.") \
    X(US, _, group_wait_us, "0", 0, 2000, RESTART, "How long a record waits for company before its sync. 0: company comes by itself while a sync runs; a wait saves syncs on disks that are paid or worn by them.") \
    X(US, _, group_pace_us, "2ms", 0, 2000, RESTART, "From 24,000 records a second on, syncs begin so long apart at least: each wakes all threads, and with so many messages the processor is what is short. 0: never.") \
    X(MS, _, full_grace_ms, "10s", 0, 600000, LIVE, "With a full disk devices are held back this long, then refused with storage_full.")

#define HF_CONFIG_ROWS_store(X) \
    X(ENUM, store_kind, kind, "lmdb", 0, 0, RESTART, "Where keyed state is kept; memory is for tests and loses it at exit.") \
    X(BYTES, _, map_initial_bytes, "256MiB", 1048576, 1099511627776, RESTART, "First size of the LMDB map; it grows by itself.") \
    X(BYTES, _, map_max_bytes, "64GiB", 1048576, 17592186044416, RESTART, "The LMDB map grows up to this.")

#define HF_CONFIG_ROWS_api_key(X) \
    X(TEXT, _, id, "", 8, 32, LIVE, "The part between hfk_ and the second _ of the key: its name in logs and limits.") \
    X(TEXT, _, tenant, "", 1, 64, LIVE, "Tenant the key belongs to; * for all.") \
    X(TEXT, _, sha256, "", 64, 64, LIVE, "SHA-256 of the key in hexadecimal; `holdfast gen key` prints both.") \
    X(FLAGS, scope, scopes, "[read]", 1, 11, LIVE, "What the key may do.")

#define HF_CONFIG_ROWS_api(X) \
    X(TEXTS, _, cors_origins, "[]", 0, 256, LIVE, "Origins whose pages may call the API; * for any.") \
    X(BYTES, _, body_bytes_max, "1MiB", 1024, 2096128, LIVE, "Largest request body; above: 413.") \
    X(U64, _, page_items_max, "1000", 1, 1000, LIVE, "Most items in one page of a list.") \
    X(U64, _, calls_max, "1024", 1, 65536, LIVE, "API calls at work at a time on one worker; above: 503 busy.") \
    X(U64, _, events_readers_max, "256", 1, 65536, RESTART, "Event readers (SSE, WebSocket) at a time; above: 503 busy.") \
    X(U64, _, live_watches_max, "256", 1, 65536, LIVE, "Devices that readers of /v1/live watch at a time on one worker; above: refused, busy. Each costs five looks a second.") \
    X(LIST, api_key, api_keys, "", 0, 4096, LIVE, "Keys of applications.")

#define HF_CONFIG_ROWS_console(X) \
    X(ENUM, console_mode, mode, "read_only", 0, 0, LIVE, "The web console at /console/ of listeners with the role console. It has no rights of its own: who looks logs in with an API key, and sees and does what that may.")

#define HF_CONFIG_ROWS_jwt_key(X) \
    X(TEXT, _, kid, "", 0, 128, LIVE, "Key id in the token's header. Empty: taken for tokens that name none.") \
    X(ENUM, jwt_alg, alg, "ES256", 0, 0, LIVE, "The one algorithm this key is good for.") \
    X(TEXT, _, secret_file, "", 0, 1024, LIVE, "File with the HS256 secret, 32 bytes or more.") \
    X(TEXT, _, secret_env, "", 0, 128, LIVE, "Environment variable with the HS256 secret, instead of a file.") \
    X(TEXT, _, public_key_file, "", 0, 1024, LIVE, "PEM public key of ES256, EdDSA or RS256.") \
    X(TEXT, _, jwks_file, "", 0, 1024, LIVE, "JSON Web Key Set (RFC 7517) in a file; each key's kind says its algorithm.") \
    X(TEXT, _, jwks_url, "", 0, 1024, LIVE, "JSON Web Key Set at an https URL (http on loopback only): fetched at start, every 10 minutes, and for a kid that is in no key set, then at most once in 30 s. When a fetch fails the last good set stays. A kid that another key has already is not taken from it.") \
    X(TEXT, _, jwks_ca_file, "", 0, 1024, LIVE, "PEM certificates of the CAs that jwks_url's server is verified with. Empty: the system's.")

#define HF_CONFIG_ROWS_topic_rule(X) \
    X(TEXT, _, type, "", 1, 128, LIVE, "The `type` of a raw JSON message, such as location_update.") \
    X(TEXT, _, topic, "", 1, 256, LIVE, "Topic its event gets.")

#define HF_CONFIG_ROWS_access_rule(X) \
    X(TEXT, _, devices, "*", 1, 256, LIVE, "Device the rule is for: a whole id, the begin of one and *, or * for all.") \
    X(TEXT, _, topics, "#", 1, 256, LIVE, "Topics the rule is for; + is one level, # the rest, {device} the device's own id.") \
    X(ENUM, direction, direction, "both", 0, 0, LIVE, "up: from the device; down: to it.") \
    X(BOOL, _, allow, "true", 0, 1, LIVE, "Allow or forbid. The first matching rule decides; without a match it is forbidden.")

#define HF_CONFIG_ROWS_device_ca(X) \
    X(TEXT, _, cert_file, "", 0, 1024, LIVE, "PEM certificate of the CA that signs the next certificates of this tenant's devices, with the intermediates above it. Empty: devices renew nothing over their connections. Must end at a listener's tls.client_ca_file.") \
    X(TEXT, _, key_file, "", 0, 1024, LIVE, "Its PEM private key, readable by its owner only.") \
    X(U64, _, days, "90", 1, 365, LIVE, "Life of the certificates, in days; a device may renew from two thirds of it.")

#define HF_CONFIG_ROWS_tenant(X) \
    X(TEXT, _, name, "", 1, 64, LIVE, "Name of the tenant; unique; letters, digits and . _ -") \
    X(LIST, jwt_key, jwt_keys, "", 0, 16, LIVE, "Keys that sign this tenant's tokens; current and next.") \
    X(SECTION, device_ca, device_ca, "", 0, 0, LIVE, "Renewal of device certificates over their sessions; off without cert_file.") \
    X(TEXT, _, audience, "", 0, 256, LIVE, "Required `aud` of tokens. Empty: not checked.") \
    X(TEXT, _, issuer, "", 0, 256, LIVE, "Required `iss` of tokens. Empty: not checked.") \
    X(MS, _, token_leeway_ms, "60s", 0, 300000, LIVE, "Clocks may differ by this when exp and nbf of tokens are checked.") \
    X(MS, _, token_life_max_ms, "0", 0, 31536000000, LIVE, "Longest life of a token that is taken. 0: any.") \
    X(U64, _, connections_max, "0", 0, 10000000, LIVE, "Connections of this tenant. 0: no limit of its own.") \
    X(U64, _, device_uplink_per_s, "0", 0, 1000000, LIVE, "Instead of limits.device_uplink_per_s. 0: that one.") \
    X(U64, _, device_uplink_capacity, "0", 0, 1000000, LIVE, "Instead of limits.device_uplink_capacity. 0: that one.") \
    X(ENUM, switch, session, "inherit", 0, 0, LIVE, "Instead of session.enabled.") \
    X(ENUM, profile, session_profile, "inherit", 0, 0, LIVE, "Instead of session.profile.") \
    X(U64, _, session_misses, "0", 0, 10, LIVE, "Instead of session.misses. 0: that one.") \
    X(BYTES, _, shadow_section_bytes, "0", 0, 32768, LIVE, "Instead of shadow.section_bytes. 0: that one.") \
    X(U64, _, shadow_depth, "0", 0, 8, LIVE, "Instead of shadow.depth. 0: that one.") \
    X(ENUM, merge, shadow_merge, "inherit", 0, 0, LIVE, "Instead of shadow.merge.") \
    X(U64, _, shadow_changes_per_s, "0", 0, 100000, LIVE, "Instead of shadow.changes_per_s. 0: that one.") \
    X(U64, _, shadow_changes_capacity, "0", 0, 100000, LIVE, "Instead of shadow.changes_capacity. 0: that one.") \
    X(TEXTS, _, shadow_index, "[]", 0, 16, RESTART, "Fields of shadows by which `GET /v1/devices?filter=` finds devices, besides their tags: reported.firmware, desired.net.apn. Another list is indexed at the next start.") \
    X(ENUM, policy, telemetry, "inherit", 0, 0, LIVE, "Instead of delivery.telemetry.") \
    X(ENUM, policy, message, "inherit", 0, 0, LIVE, "Instead of delivery.message.") \
    X(MS, _, sample_every_ms, "0", 0, 3600000, LIVE, "Instead of delivery.sample_every_ms. 0: that one.") \
    X(TEXT, _, default_topic, "default", 1, 256, LIVE, "Topic of raw messages that no rule matches.") \
    X(LIST, topic_rule, topics, "", 0, 1024, LIVE, "From the type of a raw JSON message to its topic.") \
    X(LIST, access_rule, access, "", 0, 256, LIVE, "Who may use which topic. Empty: everything inside the tenant.")

#define HF_CONFIG_ROWS_gb_listener(X) \
    X(TEXT, _, name, "sip", 1, 64, RESTART, "Name in logs and metrics; unique.") \
    X(TEXT, _, address, "127.0.0.1", 1, 64, RESTART, "Numeric IPv4 or IPv6 address; 0.0.0.0 or :: for all. SIP of cameras is plain text: only where the network is trusted.") \
    X(U64, _, port, "5060", 0, 65535, RESTART, "Port, of UDP and TCP alike. 0: the kernel chooses one, printed at start.") \
    X(ENUM, gb_transport, transport, "both", 0, 0, RESTART, "What it listens with.")

#define HF_CONFIG_ROWS_gb_device(X) \
    X(TEXT, _, id, "", 18, 20, LIVE, "The device's id: 20 digits (18 by older rules).") \
    X(TEXT, _, password_file, "", 0, 1024, LIVE, "File with its password, instead of that of the domain.") \
    X(TEXT, _, password_env, "", 0, 128, LIVE, "Environment variable with its password, instead of a file.") \
    X(TEXT, _, ha1, "", 0, 64, LIVE, "Hash of id:realm:password in hexadecimal, by alg, instead of the password: `printf %s ID:REALM:PASSWORD | md5sum`. It is as good as the password: nobody else may read the file then.") \
    X(ENUM, gb_alg, alg, "inherit", 0, 0, LIVE, "Digest algorithm that it is offered.") \
    X(BOOL, _, open, "false", 0, 1, LIVE, "Let it in without a password: whoever knows its id is it.") \
    X(BOOL, _, allow, "true", 0, 1, LIVE, "false: it may not come; its registration ends with the next REGISTER.") \
    X(BOOL, _, no_qop, "false", 0, 1, LIVE, "Challenge it without qop (RFC 2069), for old devices that answer no other.") \
    X(BOOL, _, date, "true", 0, 1, LIVE, "Date in answers to its REGISTER; some devices set their clock wrongly by it.") \
    X(ENUM, gb_charset, charset, "auto", 0, 0, LIVE, "Charset of its bodies, whatever they declare.") \
    X(ENUM, gb_edition, edition, "auto", 0, 0, LIVE, "Edition of the standard that it speaks, whatever it says itself.") \
    X(MS, _, keepalive_ms, "0", 0, 3600000, LIVE, "Instead of gb28181.keepalive_ms. 0: that one.") \
    X(U64, _, keepalive_count, "0", 0, 20, LIVE, "Instead of gb28181.keepalive_count. 0: that one.")

#define HF_CONFIG_ROWS_gb_quirk(X) \
    X(TEXT, _, name, "", 1, 64, LIVE, "Name of the profile, for people; unique.") \
    X(TEXT, _, user_agent, "*", 1, 128, LIVE, "User-Agent of the REGISTERs that it is for, in letters of either case; a * at its begin or end stands for anything.") \
    X(TEXT, _, devices, "*", 1, 21, LIVE, "And the devices: a whole id, the begin of one and *, or * for all.") \
    X(BOOL, _, no_qop, "false", 0, 1, LIVE, "Challenge them without qop (RFC 2069).") \
    X(BOOL, _, date, "true", 0, 1, LIVE, "Date in answers to their REGISTERs.") \
    X(ENUM, gb_charset, charset, "auto", 0, 0, LIVE, "Charset of their bodies, whatever they declare.") \
    X(ENUM, gb_edition, edition, "auto", 0, 0, LIVE, "Edition of the standard that they speak, whatever they say.") \
    X(MS, _, keepalive_ms, "0", 0, 3600000, LIVE, "Instead of gb28181.keepalive_ms. 0: that one.") \
    X(U64, _, keepalive_count, "0", 0, 20, LIVE, "Instead of gb28181.keepalive_count. 0: that one.")

#define HF_CONFIG_ROWS_gb_upstream_id(X) \
    X(TEXT, _, id, "", 2, 20, LIVE, "The id that the platform knows; unique among those shown there.") \
    X(TEXT, _, device, "", 18, 20, LIVE, "Our device.") \
    X(TEXT, _, channel, "", 0, 20, LIVE, "Its channel. Empty: the device itself.")

#define HF_CONFIG_ROWS_gb_upstream(X) \
    X(TEXT, _, name, "", 1, 64, LIVE, "Name of the platform in logs, metrics and /v1/upstreams; unique.") \
    X(TEXT, _, address, "", 1, 64, LIVE, "Its numeric address.") \
    X(U64, _, port, "5060", 1, 65535, LIVE, "Its SIP port.") \
    X(ENUM, gb_up_transport, transport, "udp", 0, 0, LIVE, "How it is reached.") \
    X(TEXT, _, server_id, "", 0, 20, LIVE, "Its id, 20 digits (SIP server id).") \
    X(TEXT, _, domain, "", 0, 63, LIVE, "Its SIP domain. Empty: the first 10 digits of server_id.") \
    X(TEXT, _, device_id, "", 0, 20, LIVE, "Our id there, 20 digits. Empty: gb28181.server_id.") \
    X(TEXT, _, username, "", 0, 64, LIVE, "User of the password there. Empty: device_id.") \
    X(TEXT, _, password_file, "", 0, 1024, LIVE, "File with our password there.") \
    X(TEXT, _, password_env, "", 0, 128, LIVE, "Environment variable with it, instead of a file.") \
    X(MS, _, expires_ms, "1h", 10000, 604800000, LIVE, "How long a registration is asked to last; it is refreshed at 80 % of what is granted.") \
    X(MS, _, keepalive_ms, "60s", 5000, 3600000, LIVE, "Interval of our keepalives, as the platform has it in its settings.") \
    X(U64, _, keepalive_count, "3", 1, 20, LIVE, "So many unanswered in a row end the registration; we register anew.") \
    X(ENUM, gb_edition, edition, "2016", 0, 0, LIVE, "Edition of the standard that it speaks. auto: 2016.") \
    X(ENUM, gb_charset, charset, "auto", 0, 0, LIVE, "Charset of the bodies that we send. auto: GB 18030, declared as the edition wants it.") \
    X(TEXTS, _, devices, "[]", 0, 1024, LIVE, "Devices that it is shown, with all their channels: whole ids, or the begin of some and *. Empty: all.") \
    X(LIST, gb_upstream_id, ids, "", 0, 16384, LIVE, "Ids that devices and channels have there, where they are not to have their own.") \
    X(U64, _, datagram_bytes_max, "1300", 1000, 65000, LIVE, "UDP: of one message of a catalogue or a list; an item that is larger goes alone.") \
    X(TEXT, _, local_address, "", 0, 64, LIVE, "Numeric address of ours to speak from. Empty: whichever leads there.") \
    X(U64, _, local_port, "0", 0, 65535, LIVE, "UDP: port of ours to speak from, where the platform expects one. 0: the kernel chooses.") \
    X(TEXT, _, external_host, "", 0, 63, LIVE, "Address of ours in Via and Contact, where the platform reaches us by another (NAT). Empty: the socket's.") \
    X(U64, _, external_port, "0", 0, 65535, LIVE, "Port with external_host. 0: the socket's.")

#define HF_CONFIG_ROWS_gb28181(X) \
    X(BOOL, _, enabled, "false", 0, 1, RESTART, "Serve cameras, recorders and lower platforms of GB/T 28181 over SIP.") \
    X(LIST, gb_listener, listeners, "", 0, 16, RESTART, "SIP ports.") \
    X(TEXT, _, tenant, "", 0, 64, RESTART, "Tenant whose devices the cameras are. Empty: the only one.") \
    X(TEXT, _, server_id, "", 0, 20, RESTART, "Our id as devices have it in their settings (SIP server id), 20 digits such as 34020000002000000001.") \
    X(TEXT, _, realm, "", 0, 63, RESTART, "Our SIP domain, also the realm of passwords. Empty: the first 10 digits of server_id.") \
    X(TEXT, _, external_host, "", 0, 63, RESTART, "Address of ours in Via and Contact, where devices reach us by another than the socket's (NAT).") \
    X(U64, _, external_port, "0", 0, 65535, RESTART, "Port with external_host. 0: the socket's.") \
    X(TEXT, _, user_agent, "Holdfast", 1, 63, RESTART, "User-Agent and Server in what we send.") \
    X(TEXT, _, password_file, "", 0, 1024, LIVE, "File with the password of every device that has none of its own. Without one only devices of the list come in.") \
    X(TEXT, _, password_env, "", 0, 128, LIVE, "Environment variable with that password, instead of a file.") \
    X(ENUM, gb_alg, alg, "MD5", 0, 0, LIVE, "Digest algorithm that devices are offered.") \
    X(LIST, gb_device, devices, "", 0, 131072, LIVE, "Devices with a password or settings of their own.") \
    X(LIST, gb_quirk, quirks, "", 0, 256, LIVE, "Profiles for peculiarities of makes and models. The first that fits a device counts, behind what its row in devices says.") \
    X(LIST, gb_upstream, upstreams, "", 0, 32, LIVE, "Platforms above, at which we register as a lower platform (cascading).") \
    X(TEXT, _, redirect_host, "", 0, 63, LIVE, "Numeric address of another node to which new devices of edition 2022 are sent (302). Empty: none is.") \
    X(U64, _, redirect_port, "5060", 1, 65535, LIVE, "Its SIP port.") \
    X(TEXT, _, redirect_server_id, "", 0, 20, LIVE, "Its id, 20 digits. Empty: server_id.") \
    X(U64, _, redirect_above, "0", 0, 131072, LIVE, "Only while one worker has at least so many registered devices. 0: all new ones.") \
    X(MS, _, expires_default_ms, "1h", 1000, 86400000, LIVE, "How long a registration lasts that does not say.") \
    X(MS, _, expires_max_ms, "24h", 1000, 604800000, LIVE, "Longer registrations are shortened to this.") \
    X(MS, _, keepalive_ms, "60s", 5000, 3600000, LIVE, "Interval of keepalives that devices are set to.") \
    X(U64, _, keepalive_count, "3", 1, 20, LIVE, "So many intervals of silence mean offline.") \
    X(MS, _, keepalive_grace_ms, "5s", 1, 60000, LIVE, "And so much longer: networks and clocks are not exact.") \
    X(MS, _, nonce_lifetime_ms, "60s", 5000, 300000, LIVE, "A challenge may be answered so long.") \
    X(BOOL, _, nonce_binds_address, "false", 0, 1, LIVE, "The answer to a challenge must come from the address that was challenged.") \
    X(U64, _, lock_failures, "5", 1, 1000, LIVE, "Wrong passwords of one id from one address within lock_window_ms that lock the pair.") \
    X(MS, _, lock_window_ms, "60s", 1000, 3600000, LIVE, "Time in which failures count together.") \
    X(MS, _, lock_ms, "60s", 1000, 86400000, LIVE, "A locked pair of id and address is refused so long.") \
    X(U64, _, refusals_per_s, "100", 1, 100000, LIVE, "Refusals that strangers are answered with, a second and worker; above, they hear nothing.") \
    X(U64, _, refusals_capacity, "200", 1, 100000, LIVE, "Such refusals at once after a quiet time.") \
    X(BOOL, _, silent_to_strangers, "false", 0, 1, LIVE, "Devices that are not registered get no answer but to REGISTER, instead of 403.") \
    X(BOOL, _, strict_ids, "false", 0, 1, LIVE, "Only ids of 20 digits; otherwise 18 to 20.") \
    X(MS, _, sip_wait_ms, "5s", 500, 60000, LIVE, "For the SIP answer to a command.") \
    X(MS, _, answer_wait_ms, "10s", 500, 300000, LIVE, "For the device's own answer to a command.") \
    X(MS, _, list_wait_ms, "120s", 1000, 3600000, LIVE, "For the first part of a catalog or a list of recordings.") \
    X(MS, _, list_idle_ms, "10s", 500, 300000, LIVE, "Between the parts of such a list.") \
    X(U64, _, catalog_per_s, "20", 0, 100000, LIVE, "Devices of one worker whose list of channels is asked for, a second, after they registered. 0: none is.") \
    X(MS, _, catalog_max_age_ms, "24h", 60000, 31536000000, LIVE, "A list that is younger is not asked for again.") \
    X(BOOL, _, subscribe_catalog, "false", 0, 1, LIVE, "Subscribe changes of the list of channels at every device that registers.") \
    X(BOOL, _, subscribe_alarm, "false", 0, 1, LIVE, "Subscribe alarms.") \
    X(BOOL, _, subscribe_position, "false", 0, 1, LIVE, "Subscribe positions of mobile devices.") \
    X(BOOL, _, subscribe_ptz_position, "false", 0, 1, LIVE, "Subscribe where devices of edition 2022 look.") \
    X(MS, _, subscribe_expires_ms, "0", 0, 86400000, LIVE, "How long these subscriptions last before they are renewed. 0: 10 minutes for lists, 1 hour for the others.") \
    X(U64, _, position_interval_s, "5", 1, 3600, LIVE, "Seconds between positions.") \
    X(MS, _, call_setup_ms, "10s", 1000, 32000, LIVE, "For the answer to Play and its kin; then the call is cancelled.") \
    X(TEXT, _, zone, "+08:00", 6, 6, LIVE, "Time zone of the times in bodies and of Date: -12:00 to +14:00.") \
    X(BOOL, _, date, "true", 0, 1, LIVE, "Date in answers to REGISTER, by which devices set their clocks. false where this machine's clock is not to be trusted.") \
    X(BOOL, _, version_always, "false", 0, 1, LIVE, "X-GB-Ver also to devices that did not send it.") \
    X(U64, _, devices_max, "131072", 1, 131072, RESTART, "Registered devices of one worker; the next is answered 503.") \
    X(U64, _, transactions_max, "262144", 1024, 1048576, RESTART, "SIP transactions of one worker; REGISTER is answered 503 from 3/4 on.") \
    X(BYTES, _, trace_bytes_max, "32MiB", 65536, 4294967296, RESTART, "Memory of one worker for the last SIP messages of its devices, rounded up to a power of two. What is oldest goes first, whosever it is.") \
    X(U64, _, calls_max, "16384", 1, 1048576, RESTART, "Media sessions of one worker; the next Play fails.") \
    X(MS, _, tcp_unproven_ms, "30s", 1000, 600000, LIVE, "A TCP connection on which no device has registered by then is closed.") \
    X(MS, _, tcp_idle_ms, "2h", 1000, 86400000, LIVE, "A TCP connection on which nothing came for so long is closed.") \
    X(BYTES, _, tcp_buffer_bytes_max, "64MiB", 131072, 17179869184, LIVE, "Memory of one worker for messages that have not come whole; a connection that needs more is closed.")

#define HF_CONFIG_ROWS_media(X) \
    X(BOOL, _, enabled, "true", 0, 1, RESTART, "Take the RTP of cameras in and relay it; with gb28181.enabled. false: calls need an external media server.") \
    X(TEXT, _, address, "", 0, 64, RESTART, "Numeric address on which media comes in. Empty: any.") \
    X(TEXT, _, external_address, "", 0, 45, RESTART, "Numeric address that cameras are told to send to, where they reach us by another (NAT). Empty: address, or the one by which the camera reached us.") \
    X(U64, _, port_first, "30000", 1024, 65534, RESTART, "First port for media: RTP on even ones, RTCP on the next.") \
    X(U64, _, port_last, "39999", 1025, 65535, RESTART, "Last one. A stream takes two, which rest for 10 s afterwards.") \
    X(U64, _, shared_port, "0", 0, 65534, RESTART, "One port for all that comes in, UDP and TCP; RTCP on the next. Streams are told apart by their SSRC alone. 0: each has ports of its own. Talks, and cameras to which the gateway connects, have these all the same.") \
    X(BOOL, _, strict_ssrc, "false", 0, 1, RESTART, "Take packets only with the SSRC that was agreed on. Many cameras send with another.") \
    X(U64, _, legs_max, "4096", 1, 32768, RESTART, "Streams that come in at a time.") \
    X(U64, _, views_max, "1024", 1, 32768, RESTART, "Watchers by HTTP at a time.") \
    X(MS, _, first_packet_ms, "10s", 100, 600000, RESTART, "A call on which nothing comes for so long after its answer ends.") \
    X(MS, _, silence_ms, "15s", 100, 600000, RESTART, "And one on which nothing comes any more.") \
    X(MS, _, unwatched_ms, "30s", 0, 86400000, RESTART, "When the last watcher has gone for so long a call that was made for watchers ends.") \
    X(MS, _, start_ms, "15s", 100, 600000, RESTART, "A watcher waits so long for the first key frame.") \
    X(U64, _, queue_units_max, "512", 16, 2048, RESTART, "Frames that wait for one watcher; above, it loses whole ones up to the next key frame.") \
    X(BYTES, _, queue_bytes_max, "8MiB", 65536, 1073741824, RESTART, "And their bytes.") \
    X(BYTES, _, gop_bytes_max, "8MiB", 0, 1073741824, RESTART, "From the last key frame on, kept of each stream so that a watcher has a picture at once. 0: none is kept.") \
    X(BYTES, _, unit_bytes_max, "2MiB", 65536, 67108864, RESTART, "The largest frame; larger ones are dropped.") \
    X(BYTES, _, talk_bytes_max, "32KiB", 1600, 1048576, RESTART, "Of sound that waits to be heard by a camera; 8,000 bytes are a second.")

#define HF_CONFIG_ROWS_samples(X) \
    X(U64, _, live_devices_max, "65536", 1, 1000000, RESTART, "Devices whose live state is held in memory of one worker, 3 KiB each; the one that was silent for longest makes room.") \
    X(BOOL, _, series, "true", 0, 1, RESTART, "Keep samples as time series, in data_dir/series.") \
    X(MS, _, raw_keep_ms, "2d", 60000, 31622400000, RESTART, "Each sample is kept for so long;") \
    X(MS, _, second_keep_ms, "366d", 60000, 315360000000, RESTART, "what every second adds up to, for so long.") \
    X(BYTES, _, series_bytes, "64GiB", 16777216, 1099511627776000, RESTART, "Above this size of both the oldest go, samples first, down to an hour of them.") \
    X(MS, _, series_commit_ms, "10s", 100, 600000, RESTART, "Samples are in the log at once and in their blocks after this time; a start reads the log from there.") \
    X(U64, _, series_devices_max, "32768", 16, 1000000, RESTART, "Devices whose blocks are being filled in memory, 9 KiB each. More than send samples at a time: who makes room begins a new block.")

#define HF_CONFIG_ROWS_logging(X) \
    X(ENUM, log_level, level, "info", 0, 0, LIVE, "Least important line that is written.") \
    X(ENUM, log_format, format, "logfmt", 0, 0, RESTART, "Form of a line.") \
    X(TEXT, _, file, "", 0, 1024, RESTART, "File for the lines; reopened on USR1. Empty: standard error only.") \
    X(BOOL, _, to_stderr, "true", 0, 1, RESTART, "Write to standard error, also when there is a file.")

#define HF_CONFIG_ROWS_dev(X) \
    X(BOOL, _, echo, "false", 0, 1, RESTART, "An echo server for measurements: every frame comes back.") \
    X(U64, _, echo_port, "8081", 0, 65535, RESTART, "Its port on 127.0.0.1.")

#define HF_CONFIG_ROWS_drain(X) \
    X(MS, _, window_ms, "10s", 0, 600000, LIVE, "On TERM connections are closed spread over this time.")

#define HF_CONFIG_ROWS_region(X) \
    X(TEXT, _, name, "", 1, 64, LIVE, "Label in metrics; unique, and not `other`, which is everybody else.") \
    X(TEXTS, _, prefixes, "[]", 0, 64, LIVE, "Addresses (CIDR) of its peers. Of all regions the longest prefix that holds an address counts.")

#define HF_CONFIG_ROWS_root(X) \
    X(SECTION, node, node, "", 0, 0, RESTART, "This process.") \
    X(LIST, listener, listeners, "", 1, 64, RESTART, "Where devices and applications connect.") \
    X(SECTION, admin, admin, "", 0, 0, RESTART, "Metrics, health and debugging.") \
    X(SECTION, admission, admission, "", 0, 0, LIVE, "Who gets in, and how fast.") \
    X(LIST, region, regions, "", 0, 16, LIVE, "Where peers are, by their address: TLS handshakes are timed apart for each.") \
    X(SECTION, websocket, websocket, "", 0, 0, LIVE, "WebSocket limits.") \
    X(SECTION, heartbeat, heartbeat, "", 0, 0, LIVE, "How death is noticed.") \
    X(SECTION, session, session, "", 0, 0, LIVE, "Sessions that outlive connections: holdfast.v1.") \
    X(SECTION, delivery, delivery, "", 0, 0, LIVE, "Queues towards devices.") \
    X(SECTION, limits, limits, "", 0, 0, LIVE, "Rates. Rate and capacity are two numbers: what is lasting, and what is taken at once.") \
    X(SECTION, shadow, shadow, "", 0, 0, LIVE, "Shadows: what devices report, what applications want of them.") \
    X(SECTION, presence, presence, "", 0, 0, LIVE, "How long it is known when a device was there.") \
    X(SECTION, audit, audit, "", 0, 0, LIVE, "How long it is known who did what.") \
    X(SECTION, log, log, "", 0, 0, LIVE, "The event log.") \
    X(SECTION, store, store, "", 0, 0, RESTART, "Keyed state: stream positions, outboxes, results.") \
    X(SECTION, api, api, "", 0, 0, LIVE, "The HTTP API.") \
    X(SECTION, console, console, "", 0, 0, LIVE, "The web console.") \
    X(LIST, tenant, tenants, "", 1, 4096, LIVE, "Whose devices these are.") \
    X(SECTION, gb28181, gb28181, "", 0, 0, LIVE, "Cameras and platforms of GB/T 28181.") \
    X(SECTION, samples, samples, "", 0, 0, RESTART, "Samples of sensors: the live state of devices, and their time series.") \
    X(SECTION, media, media, "", 0, 0, RESTART, "RTP of cameras: in, and on to those who watch.") \
    X(SECTION, logging, logging, "", 0, 0, LIVE, "Lines for people and their tools.") \
    X(SECTION, dev, dev, "", 0, 0, RESTART, "Aids for development and measurement.") \
    X(SECTION, drain, drain, "", 0, 0, LIVE, "Shutting down.")

/* Structs in an order in which each comes after those it holds. */
#define HF_CONFIG_STRUCTS(S) \
    S(node) S(tls) S(listener) S(admin) S(admission) S(deflate) S(websocket) S(heartbeat) S(session) S(delivery) S(limits) S(shadow) S(presence) S(audit) S(log) \
    S(store) S(api_key) S(api) S(console) S(jwt_key) S(topic_rule) S(access_rule) S(device_ca) S(tenant) S(gb_listener) S(gb_device) S(gb_quirk) \
    S(gb_upstream_id) S(gb_upstream) S(gb28181) S(samples) S(media) S(logging) S(dev) S(drain) S(region) S(root)

/* Choices: constant, name in YAML, help. FLAGS use bit 1 << constant. */
#define HF_CONFIG_CHOICES_tls_verify(C) \
    C(HF_CONFIG_TLS_VERIFY_NONE, "none", "no certificate is asked for") \
    C(HF_CONFIG_TLS_VERIFY_OPTIONAL, "optional", "one is checked if shown") \
    C(HF_CONFIG_TLS_VERIFY_REQUIRED, "required", "no connection without one")
#define HF_CONFIG_CHOICES_tls_version(C) \
    C(HF_CONFIG_TLS_1_2, "1.2", "TLS 1.2 and 1.3") \
    C(HF_CONFIG_TLS_1_3, "1.3", "TLS 1.3 only")
#define HF_CONFIG_CHOICES_role(C) \
    C(HF_CONFIG_ROLE_DEVICES, "devices", "WebSocket connections of devices") \
    C(HF_CONFIG_ROLE_API, "api", "the HTTP API") \
    C(HF_CONFIG_ROLE_CONSOLE, "console", "the web console")
#define HF_CONFIG_CHOICES_console_mode(C) \
    C(HF_CONFIG_CONSOLE_OFF, "off", "there is none") \
    C(HF_CONFIG_CONSOLE_READ_ONLY, "read_only", "its pages offer no changes, whatever the key may do") \
    C(HF_CONFIG_CONSOLE_ON, "on", "they offer what the key may do")
#define HF_CONFIG_CHOICES_proxy_protocol(C) \
    C(HF_CONFIG_PROXY_OFF, "off", "the peer is the client") \
    C(HF_CONFIG_PROXY_V1V2, "v1v2", "every connection begins with a PROXY header")
#define HF_CONFIG_CHOICES_policy(C) \
    C(HF_CONFIG_POLICY_INHERIT, "inherit", "the value of the section above") \
    C(HF_CONFIG_POLICY_MUST_DELIVER, "must_deliver", "kept in the device's outbox until it reads again") \
    C(HF_CONFIG_POLICY_LATEST, "latest", "the newest value of a topic replaces the older") \
    C(HF_CONFIG_POLICY_SAMPLE, "sample", "one of each topic every sample_every_ms waits, the newest; each other is in the ledger") \
    C(HF_CONFIG_POLICY_DROP_OLDEST, "drop_oldest", "old ones make room; each is in the ledger") \
    C(HF_CONFIG_POLICY_DROP_NEWEST, "drop_newest", "new ones are refused; each is in the ledger") \
    C(HF_CONFIG_POLICY_DISCONNECT, "disconnect", "the connection ends (4429 slow_reader)")
#define HF_CONFIG_CHOICES_switch(C) \
    C(HF_CONFIG_SWITCH_INHERIT, "inherit", "the value of the section above") \
    C(HF_CONFIG_SWITCH_ON, "on", "holdfast.v1 and raw mode") \
    C(HF_CONFIG_SWITCH_OFF, "off", "raw mode only")
#define HF_CONFIG_CHOICES_profile(C) \
    C(HF_CONFIG_PROFILE_INHERIT, "inherit", "the value of the section above") \
    C(HF_CONFIG_PROFILE_DEFAULT, "default", "the gateway sends heartbeats, by the times of the section heartbeat") \
    C(HF_CONFIG_PROFILE_HA, "ha", "the device sends one every 2 s") \
    C(HF_CONFIG_PROFILE_ADAPTIVE, "adaptive", "the device sends them, every 5 to 60 s by its round-trip time")
#define HF_CONFIG_CHOICES_merge(C) \
    C(HF_CONFIG_MERGE_INHERIT, "inherit", "the value of the section above") \
    C(HF_CONFIG_MERGE_LWW, "lww", "it is made all the same") \
    C(HF_CONFIG_MERGE_VERSION, "version", "it is refused") \
    C(HF_CONFIG_MERGE_CONFLICT_FREE, "conflict_free", "it is refused when a field that it writes has been written since") \
    C(HF_CONFIG_MERGE_OPLOG, "oplog", "of it, operation by operation, is refused what has been changed since; the rest is made")
#define HF_CONFIG_CHOICES_store_kind(C) \
    C(HF_CONFIG_STORE_LMDB, "lmdb", "on disk") \
    C(HF_CONFIG_STORE_MEMORY, "memory", "in memory")
#define HF_CONFIG_CHOICES_scope(C) \
    C(HF_CONFIG_SCOPE_READ, "read", "devices:read and events:read") \
    C(HF_CONFIG_SCOPE_WRITE, "write", "devices:write and messages:write") \
    C(HF_CONFIG_SCOPE_COMMAND, "command", "commands:write") \
    C(HF_CONFIG_SCOPE_DEVICES_READ, "devices:read", "list and explain devices") \
    C(HF_CONFIG_SCOPE_DEVICES_WRITE, "devices:write", "disconnect devices") \
    C(HF_CONFIG_SCOPE_MESSAGES_WRITE, "messages:write", "send messages and commands") \
    C(HF_CONFIG_SCOPE_COMMANDS_WRITE, "commands:write", "send commands") \
    C(HF_CONFIG_SCOPE_EVENTS_READ, "events:read", "read events") \
    C(HF_CONFIG_SCOPE_KEYS_ADMIN, "keys:admin", "make and revoke keys") \
    C(HF_CONFIG_SCOPE_METRICS_READ, "metrics:read", "read metrics") \
    C(HF_CONFIG_SCOPE_ADMIN, "admin", "everything")
#define HF_CONFIG_CHOICES_jwt_alg(C) \
    C(HF_CONFIG_JWT_ES256, "ES256", "ECDSA P-256") \
    C(HF_CONFIG_JWT_EDDSA, "EdDSA", "Ed25519") \
    C(HF_CONFIG_JWT_RS256, "RS256", "RSA") \
    C(HF_CONFIG_JWT_HS256, "HS256", "shared secret of the tenant")
#define HF_CONFIG_CHOICES_direction(C) \
    C(HF_CONFIG_DIRECTION_BOTH, "both", "from and to the device") \
    C(HF_CONFIG_DIRECTION_UP, "up", "from the device") \
    C(HF_CONFIG_DIRECTION_DOWN, "down", "to the device")
#define HF_CONFIG_CHOICES_gb_transport(C) \
    C(HF_CONFIG_GB_UDP, "udp", "UDP only") \
    C(HF_CONFIG_GB_TCP, "tcp", "TCP only") \
    C(HF_CONFIG_GB_BOTH, "both", "UDP and TCP")
#define HF_CONFIG_CHOICES_gb_up_transport(C) \
    C(HF_CONFIG_GB_UP_UDP, "udp", "UDP") \
    C(HF_CONFIG_GB_UP_TCP, "tcp", "one TCP connection, which we open")
#define HF_CONFIG_CHOICES_gb_alg(C) \
    C(HF_CONFIG_GB_ALG_INHERIT, "inherit", "that of the domain") \
    C(HF_CONFIG_GB_ALG_MD5, "MD5", "what every device knows") \
    C(HF_CONFIG_GB_ALG_SHA256, "SHA-256", "RFC 8760") \
    C(HF_CONFIG_GB_ALG_SM3, "SM3", "GB/T 32905, of the 2022 edition")
#define HF_CONFIG_CHOICES_gb_charset(C) \
    C(HF_CONFIG_GB_CHARSET_AUTO, "auto", "as declared and detected") \
    C(HF_CONFIG_GB_CHARSET_UTF8, "UTF-8", "UTF-8") \
    C(HF_CONFIG_GB_CHARSET_GB18030, "GB18030", "GB 18030, and with it GB 2312 and GBK")
#define HF_CONFIG_CHOICES_gb_edition(C) \
    C(HF_CONFIG_GB_EDITION_AUTO, "auto", "as it says; 2016 when it says nothing") \
    C(HF_CONFIG_GB_EDITION_2016, "2016", "GB/T 28181-2016") \
    C(HF_CONFIG_GB_EDITION_2022, "2022", "GB/T 28181-2022")
#define HF_CONFIG_CHOICES_log_level(C) \
    C(HF_CONFIG_LEVEL_ERROR, "error", "something needs a person") \
    C(HF_CONFIG_LEVEL_WARN, "warn", "something may need a person") \
    C(HF_CONFIG_LEVEL_INFO, "info", "connections and changes of state") \
    C(HF_CONFIG_LEVEL_DEBUG, "debug", "each step")
#define HF_CONFIG_CHOICES_log_format(C) \
    C(HF_CONFIG_FORMAT_LOGFMT, "logfmt", "key=value") \
    C(HF_CONFIG_FORMAT_JSON, "json", "one JSON object a line")

#define HF_CONFIG_CHOICE_SETS(S) \
    S(tls_verify) S(tls_version) S(role) S(console_mode) S(proxy_protocol) S(policy) S(switch) S(profile) S(merge) S(store_kind) S(scope) \
    S(jwt_alg) S(direction) S(gb_transport) S(gb_up_transport) S(gb_alg) S(gb_charset) S(gb_edition) S(log_level) S(log_format)
/* clang-format on */

#endif
