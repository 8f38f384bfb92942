// What the gateway says by a stable name, in Chinese: its reasons (src/base/reason.h), its events (src/core/event.h), its bounded pools (src/app/pools.h) and what its audit names. test_console_pages.py looks that none is missing.
export const reasons = {
  none: "尚无记录", normal: "对端正常告别", drain: "节点正在关闭", protocol_error: "对端违反协议", unsupported_data: "不接受此类数据", invalid_utf8: "文本不是有效的 UTF-8", policy: "规则不允许", message_too_big: "消息超过上限",
  internal_error: "网关出错", restart: "网关重启", try_later: "暂不可用，请稍后再来", peer_closed: "对端以自己的代码关闭", connection_lost: "连接中断，没有关闭帧", connection_reset: "连接被对端或中间设备重置",
  credentials_missing: "没有出示凭证", credentials_invalid: "凭证错误", credentials_expired: "凭证已过期", auth_timeout: "未按时出示凭证", forbidden: "凭证不允许此操作", revoked: "凭证已吊销", identity_mismatch: "两份凭证属于不同设备", origin_forbidden: "不允许此 Origin",
  heartbeat_timeout: "心跳超时", write_timeout: "发送没有进展", header_timeout: "请求未按时完成", tls_timeout: "TLS 握手超时", tls_failed: "TLS 握手失败", close_timeout: "对端没有应答关闭帧", replaced: "被该设备的新连接取代", admin_disconnect: "通过 API 断开",
  rate_limit: "消息或请求过多", slow_reader: "对端读取过慢", tenant_limit: "租户已达上限", connection_limit: "节点连接已满", accept_rate: "每秒新连接过多", prefix_rate: "来自该网段的新连接过多", descriptor_limit: "文件描述符已用尽", memory_limit: "内存不足",
  storage_full: "事件日志空间已满", storage_failed: "事件日志无法写入", busy: "网关繁忙", deadline_exceeded: "未在期限内完成", canceled: "已由发送方取消", queue_full: "设备队列已满", expired: "已超过有效期", drop_oldest: "按规则丢弃旧消息", drop_newest: "队列已满，按规则丢弃新消息",
  conflated: "被同一键的新值取代", device_offline: "设备未连接", connection_gone: "写出之前连接已结束", device_refused: "设备应答出错", retention: "早于保留期限", log_damaged: "存储的记录已损坏", node_restart: "节点重启，尚无消息", silence: "一段时间没有动静", connected: "已接受连接",
  bad_request: "请求格式错误", not_found: "没有这个对象", method_not_allowed: "此处不支持该方法", body_too_big: "请求体超过上限", header_too_big: "请求头超过上限", upgrade_required: "需要升级为 WebSocket", id_conflict: "该键已用于其他内容", in_progress: "首个请求仍在处理", version: "没有共同的协议版本",
  not_implemented: "不提供此功能", session_broken: "会话协议被破坏", gap: "中间的消息已不存在", unknown_session: "此处不认识该会话", invalid_heartbeat: "心跳格式错误", corrupt: "校验和错误：内存或软件有故障", stalled: "确认没有进展", version_conflict: "文档已被更改", unmatched: "没有等待此结果的请求",
  queue_lost: "设备丢失了队列", registration_expired: "注册到期未续", breaker_open: "近期没有应答，正在间隔重试", ends_connection: "对端每收到该消息就断开连接，其他消息可收", sampled: "按规则抽样：读取慢时每个键每段时间只留最新一条",
};

export const types = {
  message: "消息", online: "上线", offline: "离线", unknown: "失去联系", disconnected: "连接结束", refused: "被拒绝", "message.gap": "消息缺口", "camera.bound": "摄像机注册", "message.queued": "消息排队", "message.sent": "消息已发送", "message.delivered": "消息已投递", "message.failed": "消息失败",
  "command.queued": "命令排队", "command.sent": "命令已发送", "command.delivered": "命令已投递", "command.done": "命令完成", "command.failed": "命令失败", broadcast: "广播", "broadcast.done": "广播完成", ledger: "账本", "key.created": "密钥创建", "key.revoked": "密钥吊销", revoked: "凭证吊销", audit: "审计",
  "document.changed": "文档更改", "camera.channels": "通道更新", "camera.settings": "摄像机设置", "camera.call": "媒体会话", "shadow.changed": "影子更改", "shadow.push": "配置下发", "shadow.push_member": "下发未更改成员", "shadow.push_done": "下发完成", "shadow.seen": "影子已获知",
  "node.started": "节点启动", "node.stopped": "节点停止", "node.alive": "节点存活",
};

export const actions = {
  "message.cancel": "取消消息", "key.create": "创建密钥", "key.revoke": "吊销密钥", revoke: "吊销凭证", "auth.failed": "认证失败", "console.login": "登录控制台", "camera.sound": "向摄像机播放声音", "device.disconnect": "断开设备", "certificate.issue": "签发证书",
};

export const pools = {
  connections: "连接", descriptors: "文件描述符", event_readers: "事件读者", live_watches: "实时观看的设备", journal_bytes: "日志写入字节", held_input_bytes: "等待处理的输入字节", pending_messages: "等待投递的消息", api_calls: "进行中的 API 调用", table_waits: "等待数据表的请求", send_queue_bytes: "发送队列字节", worker_backlog: "线程间积压", gb_devices: "国标设备", sip_transactions: "SIP 事务", gb_buffer_bytes: "国标缓冲字节",
};
