/* codec/manscdp/fields.h - what stands where in GB/T 28181 bodies, said once: structs, parser, builder and JSON are made of these rows,
 * which are in the order of the wire. Read HF_CDP_KEEPALIVE as an example; its struct is struct hf_cdp_keepalive with the members `status` and
 * `faulty`, and `set`, which every struct begins with.
 * X(struct, kind, member, "Element", what of, flags)
 *   TEXT   struct hf_slice, UTF-8, absent when {NULL, 0}
 *   INT    struct hf_cdp_int
 *   REAL   struct hf_cdp_real
 *   WORD   uint8_t, a value of enum hf_cdp_<what of>_word, 0 = absent or unreadable
 *   BLOCK  struct hf_cdp_<what of>, there when its `set` is true
 *   LIST   struct hf_cdp_list: an element that holds items struct hf_cdp_<what of>
 *   ITEMS  struct hf_cdp_list: the items stand among the members
 *   RAW    struct hf_slice: the element's markup, bytes as they came
 *   RESULT no member: the Result of struct hf_cdp_message
 *   DROP   no member: read over, never kept, never written (a password)
 * Source: GB/T 28181-2016 A.2, GB/T 28181-2022 A.2, and what devices send. */
#ifndef HF_CODEC_MANSCDP_FIELDS_H
#define HF_CODEC_MANSCDP_FIELDS_H

enum {                     /* flags of a row */
       HF_CDP_MUST = 1,    /* must be there in what we write */
       HF_CDP_IN_2016 = 2, /* written to peers of version 2.0 and below only; read from all */
       HF_CDP_IN_2022 = 4, /* written to peers of version 3.0 only; read from all */
       HF_CDP_COMMAND =
           8, /* an order (Control); with HF_CDP_IN_2022 it is refused for an older peer, not left out */
       HF_CDP_ANSWERED = 16, /* DeviceControl: the device answers this order with a Result */
       HF_CDP_RENAMED = 32,  /* written under its other name: layout.c */
};

/* Words. X(id, "spelling"); further spellings that are read: layout.c. */
#define HF_CDP_HEALTH_WORDS(X) X(OK, "OK") X(ERROR, "ERROR")
#define HF_CDP_SWITCH_WORDS(X) X(ON, "ON") X(OFF, "OFF")
#define HF_CDP_ONLINE_WORDS(X) X(ONLINE, "ONLINE") X(OFFLINE, "OFFLINE")
#define HF_CDP_STATUS_WORDS(X) X(ON, "ON") X(OFF, "OFF") X(VLOST, "VLOST") X(DEFECT, "DEFECT")
#define HF_CDP_EVENT_WORDS(X) \
    X(ON, "ON")               \
    X(OFF, "OFF")             \
    X(VLOST, "VLOST")         \
    X(DEFECT, "DEFECT")       \
    X(ADD, "ADD")             \
    X(DEL, "DEL")             \
    X(UPDATE, "UPDATE")
#define HF_CDP_DUTY_WORDS(X)   X(ONDUTY, "ONDUTY") X(OFFDUTY, "OFFDUTY") X(ALARM, "ALARM")
#define HF_CDP_RECORD_WORDS(X) X(TIME, "time") X(ALARM, "alarm") X(MANUAL, "manual") X(ALL, "all")
#define HF_CDP_CARD_WORDS(X) \
    X(OK, "ok") X(FORMATTING, "formatting") X(UNFORMATTED, "unformatted") X(IDLE, "idle") X(ERROR, "error")
#define HF_CDP_BOOT_WORDS(X)  X(BOOT, "Boot")
#define HF_CDP_TAPE_WORDS(X)  X(RECORD, "Record") X(STOP, "StopRecord")
#define HF_CDP_GUARD_WORDS(X) X(SET, "SetGuard") X(RESET, "ResetGuard")
#define HF_CDP_CLEAR_WORDS(X) X(RESET, "ResetAlarm")
#define HF_CDP_SEND_WORDS(X)  X(SEND, "Send")
#define HF_CDP_TRACK_WORDS(X) X(AUTO, "Auto") X(MANUAL, "Manual") X(STOP, "Stop")
#define HF_CDP_WORDS_MAP(X) \
    X(health, HEALTH)       \
    X(switch, SWITCH)       \
    X(online, ONLINE)       \
    X(status, STATUS)       \
    X(event, EVENT)         \
    X(duty, DUTY)           \
    X(record, RECORD)       \
    X(card, CARD)           \
    X(boot, BOOT)           \
    X(tape, TAPE)           \
    X(guard, GUARD)         \
    X(clear, CLEAR)         \
    X(send, SEND)           \
    X(track, TRACK)

/* Items that are a value only. */
#define HF_CDP_FAULTY(X, S) X(S, TEXT, value, NULL, none, 0)
#define HF_CDP_FILE(X, S)   X(S, TEXT, value, NULL, none, 0)

#define HF_CDP_KEEPALIVE(X, S)                        \
    X(S, WORD, status, "Status", health, HF_CDP_MUST) \
    X(S, LIST, faulty, "Info", faulty, 0) /* device ids */

/* 9.1 Catalog */
#define HF_CDP_CATALOG_QUERY(X, S)               \
    X(S, TEXT, start_time, "StartTime", none, 0) \
    X(S, TEXT, end_time, "EndTime", none, 0)
#define HF_CDP_CATALOG_INFO(X, S)                                                            \
    X(S, INT, ptz_type, "PTZType", none, 0)                                                  \
    X(S, INT, position_type, "PositionType", none, HF_CDP_IN_2016)                           \
    X(S, TEXT, photoelectric_imaging_type, "PhotoelectricImagingType", none, HF_CDP_IN_2022) \
    X(S, TEXT, capture_position_type, "CapturePositionType", none, HF_CDP_IN_2022)           \
    X(S, INT, room_type, "RoomType", none, 0)                                                \
    X(S, INT, use_type, "UseType", none, HF_CDP_IN_2016)                                     \
    X(S, INT, supply_light_type, "SupplyLightType", none, 0)                                 \
    X(S, INT, direction_type, "DirectionType", none, 0)                                      \
    X(S, TEXT, resolution, "Resolution", none, 0)                                            \
    X(S, TEXT, business_group_id, "BusinessGroupID", none, HF_CDP_IN_2016)                   \
    X(S, TEXT, stream_number_list, "StreamNumberList", none, HF_CDP_IN_2022)                 \
    X(S, TEXT, download_speed, "DownloadSpeed", none, 0)                                     \
    X(S, INT, svc_space_support_mode, "SVCSpaceSupportMode", none, 0)                        \
    X(S, INT, svc_time_support_mode, "SVCTimeSupportMode", none, 0)                          \
    X(S, TEXT, ssvc_ratio_support_list, "SSVCRatioSupportList", none, HF_CDP_IN_2022)        \
    X(S, INT, mobile_device_type, "MobileDeviceType", none, HF_CDP_IN_2022)                  \
    X(S, REAL, horizontal_field_angle, "HorizontalFieldAngle", none, HF_CDP_IN_2022)         \
    X(S, REAL, vertical_field_angle, "VerticalFieldAngle", none, HF_CDP_IN_2022)             \
    X(S, REAL, max_view_distance, "MaxViewDistance", none, HF_CDP_IN_2022)                   \
    X(S, TEXT, grassroots_code, "GrassrootsCode", none, HF_CDP_IN_2022)                      \
    X(S, INT, point_type, "PointType", none, HF_CDP_IN_2022)                                 \
    X(S, TEXT, point_common_name, "PointCommonName", none, HF_CDP_IN_2022)                   \
    X(S, TEXT, mac, "MAC", none, HF_CDP_IN_2022)                                             \
    X(S, TEXT, function_type, "FunctionType", none, HF_CDP_IN_2022)                          \
    X(S, TEXT, encode_type, "EncodeType", none, HF_CDP_IN_2022)                              \
    X(S, TEXT, install_time, "InstallTime", none, HF_CDP_IN_2022)                            \
    X(S, TEXT, management_unit, "ManagementUnit", none, HF_CDP_IN_2022)                      \
    X(S, TEXT, contact_info, "ContactInfo", none, HF_CDP_IN_2022)                            \
    X(S, INT, record_save_days, "RecordSaveDays", none, HF_CDP_IN_2022)                      \
    X(S, TEXT, industrial_classification, "IndustrialClassification", none, HF_CDP_IN_2022)
#define HF_CDP_CATALOG_ITEM(X, S)                                              \
    X(S, TEXT, device_id, "DeviceID", none, HF_CDP_MUST)                       \
    X(S, WORD, event, "Event", event, 0) /* in a NOTIFY */                     \
    X(S, TEXT, name, "Name", none, 0)                                          \
    X(S, TEXT, manufacturer, "Manufacturer", none, 0)                          \
    X(S, TEXT, model, "Model", none, 0)                                        \
    X(S, TEXT, owner, "Owner", none, HF_CDP_IN_2016)                           \
    X(S, TEXT, civil_code, "CivilCode", none, 0)                               \
    X(S, TEXT, block, "Block", none, 0)                                        \
    X(S, TEXT, address, "Address", none, 0)                                    \
    X(S, INT, parental, "Parental", none, 0)                                   \
    X(S, TEXT, parent_id, "ParentID", none, 0) /* several with / */            \
    X(S, INT, safety_way, "SafetyWay", none, HF_CDP_IN_2016)                   \
    X(S, INT, register_way, "RegisterWay", none, 0)                            \
    X(S, TEXT, security_level_code, "SecurityLevelCode", none, HF_CDP_IN_2022) \
    X(S, TEXT, cert_num, "CertNum", none, HF_CDP_IN_2016)                      \
    X(S, INT, certifiable, "Certifiable", none, HF_CDP_IN_2016)                \
    X(S, INT, err_code, "ErrCode", none, HF_CDP_IN_2016)                       \
    X(S, TEXT, end_time, "EndTime", none, HF_CDP_IN_2016)                      \
    X(S, INT, secrecy, "Secrecy", none, 0)                                     \
    X(S, TEXT, ip_address, "IPAddress", none, 0)                               \
    X(S, INT, port, "Port", none, 0)                                           \
    X(S, DROP, password, "Password", none, 0)                                  \
    X(S, WORD, status, "Status", status, 0) /* missing means ON */             \
    X(S, REAL, longitude, "Longitude", none, 0)                                \
    X(S, REAL, latitude, "Latitude", none, 0)                                  \
    X(S, TEXT, business_group_id, "BusinessGroupID", none, HF_CDP_IN_2022)     \
    X(S, BLOCK, info, "Info", catalog_info, 0)
#define HF_CDP_CATALOG(X, S)                        \
    X(S, INT, sum_num, "SumNum", none, HF_CDP_MUST) \
    X(S, LIST, devices, "DeviceList", catalog_item, 0)

/* 9.2 DeviceInfo, 9.3 DeviceStatus */
#define HF_CDP_DEVICE_INFO(X, S)                        \
    X(S, TEXT, device_name, "DeviceName", none, 0)      \
    X(S, RESULT, result, "Result", health, HF_CDP_MUST) \
    X(S, TEXT, manufacturer, "Manufacturer", none, 0)   \
    X(S, TEXT, model, "Model", none, 0)                 \
    X(S, TEXT, firmware, "Firmware", none, 0)           \
    X(S, INT, channel, "Channel", none, 0) /* video inputs */
#define HF_CDP_ALARM_STATUS(X, S)                        \
    X(S, TEXT, device_id, "DeviceID", none, HF_CDP_MUST) \
    X(S, WORD, duty_status, "DutyStatus", duty, HF_CDP_MUST)
#define HF_CDP_DEVICE_STATUS(X, S)                      \
    X(S, RESULT, result, "Result", health, HF_CDP_MUST) \
    X(S, WORD, online, "Online", online, HF_CDP_MUST)   \
    X(S, WORD, status, "Status", health, HF_CDP_MUST)   \
    X(S, TEXT, reason, "Reason", none, 0)               \
    X(S, WORD, encode, "Encode", switch, 0)             \
    X(S, WORD, record, "Record", switch, 0)             \
    X(S, TEXT, device_time, "DeviceTime", none, 0)      \
    X(S, LIST, alarm_status, "Alarmstatus", alarm_status, 0)

/* 9.4 RecordInfo */
#define HF_CDP_RECORD_QUERY(X, S)                                  \
    X(S, TEXT, start_time, "StartTime", none, HF_CDP_MUST)         \
    X(S, TEXT, end_time, "EndTime", none, HF_CDP_MUST)             \
    X(S, TEXT, file_path, "FilePath", none, 0)                     \
    X(S, TEXT, address, "Address", none, 0)                        \
    X(S, INT, secrecy, "Secrecy", none, 0)                         \
    X(S, WORD, type, "Type", record, 0)                            \
    X(S, TEXT, recorder_id, "RecorderID", none, 0)                 \
    X(S, INT, indistinct_query, "IndistinctQuery", none, 0)        \
    X(S, INT, stream_number, "StreamNumber", none, HF_CDP_IN_2022) \
    X(S, TEXT, alarm_method, "AlarmMethod", none, HF_CDP_IN_2022)  \
    X(S, TEXT, alarm_type, "AlarmType", none, HF_CDP_IN_2022)
#define HF_CDP_RECORD_ITEM(X, S)                           \
    X(S, TEXT, device_id, "DeviceID", none, HF_CDP_MUST)   \
    X(S, TEXT, name, "Name", none, 0)                      \
    X(S, TEXT, file_path, "FilePath", none, 0)             \
    X(S, TEXT, address, "Address", none, 0)                \
    X(S, TEXT, start_time, "StartTime", none, 0)           \
    X(S, TEXT, end_time, "EndTime", none, 0)               \
    X(S, INT, secrecy, "Secrecy", none, 0)                 \
    X(S, WORD, type, "Type", record, 0)                    \
    X(S, TEXT, recorder_id, "RecorderID", none, 0)         \
    X(S, INT, file_size, "FileSize", none, 0) /* bytes */  \
    X(S, TEXT, record_location, "RecordLocation", none, 0) \
    X(S, INT, stream_number, "StreamNumber", none, HF_CDP_IN_2022)
#define HF_CDP_RECORDS(X, S)                        \
    X(S, TEXT, name, "Name", none, 0)               \
    X(S, INT, sum_num, "SumNum", none, HF_CDP_MUST) \
    X(S, LIST, records, "RecordList", record_item, 0)

/* 9.5 ConfigDownload, 11.2 DeviceConfig, 11.3 their blocks */
#define HF_CDP_CONFIG_QUERY(X, S) \
    X(S, TEXT, config_type, "ConfigType", none, HF_CDP_MUST) /* several with / */
#define HF_CDP_BASIC_PARAM(X, S)                                               \
    X(S, TEXT, name, "Name", none, 0)                                          \
    X(S, INT, expiration, "Expiration", none, 0)                               \
    X(S, INT, heartbeat_interval, "HeartBeatInterval", none, 0)                \
    X(S, INT, heartbeat_count, "HeartBeatCount", none, 0)                      \
    X(S, INT, position_capability, "PositionCapability", none, HF_CDP_IN_2016) \
    X(S, REAL, longitude, "Longitude", none, HF_CDP_IN_2016)                   \
    X(S, REAL, latitude, "Latitude", none, HF_CDP_IN_2016)
#define HF_CDP_VIDEO_PARAM_OPT(X, S)                     \
    X(S, TEXT, download_speed, "DownloadSpeed", none, 0) \
    X(S, TEXT, resolution, "Resolution", none, 0)
#define HF_CDP_VIDEO_ATTRIBUTE(X, S)                  \
    X(S, INT, stream_number, "StreamNumber", none, 0) \
    X(S, INT, video_format, "VideoFormat", none, 0)   \
    X(S, TEXT, resolution, "Resolution", none, 0)     \
    X(S, INT, frame_rate, "FrameRate", none, 0)       \
    X(S, INT, bit_rate_type, "BitRateType", none, 0)  \
    X(S, INT, video_bit_rate, "VideoBitRate", none, 0)
#define HF_CDP_TIME_SEGMENT(X, S)               \
    X(S, INT, start_hour, "StartHour", none, 0) \
    X(S, INT, start_min, "StartMin", none, 0)   \
    X(S, INT, start_sec, "StartSec", none, 0)   \
    X(S, INT, stop_hour, "StopHour", none, 0)   \
    X(S, INT, stop_min, "StopMin", none, 0)     \
    X(S, INT, stop_sec, "StopSec", none, 0)
#define HF_CDP_RECORD_SCHEDULE(X, S)                       \
    X(S, INT, week_day, "WeekDayNum", none, 0) /* 1-7 */   \
    X(S, INT, segment_count, "TimeSegmentSumNum", none, 0) \
    X(S, ITEMS, segments, "TimeSegment", time_segment, 0)
#define HF_CDP_RECORD_PLAN(X, S)                                 \
    X(S, INT, record_enable, "RecordEnable", none, 0)            \
    X(S, INT, schedule_count, "RecordScheduleSumNum", none, 0)   \
    X(S, ITEMS, schedules, "RecordSchedule", record_schedule, 0) \
    X(S, INT, stream_number, "StreamNumber", none, 0)
#define HF_CDP_ALARM_RECORD(X, S)                        \
    X(S, INT, record_enable, "RecordEnable", none, 0)    \
    X(S, INT, record_time, "RecordTime", none, 0)        \
    X(S, INT, pre_record_time, "PreRecordTime", none, 0) \
    X(S, INT, stream_number, "StreamNumber", none, 0)
#define HF_CDP_MASK_REGION(X, S)   \
    X(S, INT, seq, "Seq", none, 0) \
    X(S, TEXT, point, "Point", none, 0) /* lx,ly,rx,ry */
#define HF_CDP_PICTURE_MASK(X, S)         \
    X(S, INT, on, "On", none, 0)          \
    X(S, INT, sum_num, "SumNum", none, 0) \
    X(S, LIST, regions, "RegionList", mask_region, 0)
#define HF_CDP_ALARM_REPORT(X, S)                           \
    X(S, INT, motion_detection, "MotionDetection", none, 0) \
    X(S, INT, field_detection, "FieldDetection", none, 0)
#define HF_CDP_OSD_TEXT(X, S)         \
    X(S, TEXT, text, "Text", none, 0) \
    X(S, INT, x, "X", none, 0)        \
    X(S, INT, y, "Y", none, 0)
#define HF_CDP_OSD_CONFIG(X, S)                   \
    X(S, INT, length, "Length", none, 0)          \
    X(S, INT, width, "Width", none, 0)            \
    X(S, INT, time_x, "TimeX", none, 0)           \
    X(S, INT, time_y, "TimeY", none, 0)           \
    X(S, INT, time_enable, "TimeEnable", none, 0) \
    X(S, INT, time_type, "TimeType", none, 0)     \
    X(S, INT, text_enable, "TextEnable", none, 0) \
    X(S, INT, sum_num, "SumNum", none, 0)         \
    X(S, ITEMS, texts, "Item", osd_text, 0)
#define HF_CDP_SNAPSHOT_CONFIG(X, S)                       \
    X(S, INT, snap_num, "SnapNum", none, 0)                \
    X(S, INT, interval, "Interval", none, 0) /* seconds */ \
    X(S, TEXT, upload_url, "UploadURL", none, 0)           \
    X(S, TEXT, session_id, "SessionID", none, 0)
/* One for the answer to ConfigDownload, the order DeviceConfig and its answer, which has Result only. */
#define HF_CDP_CONFIG(X, S)                                                                            \
    X(S, RESULT, result, "Result", health, 0)                                                          \
    X(S, BLOCK, basic_param, "BasicParam", basic_param, HF_CDP_COMMAND)                                \
    X(S, BLOCK, video_param_opt, "VideoParamOpt", video_param_opt, HF_CDP_COMMAND)                     \
    X(S, RAW, svac_encode_config, "SVACEncodeConfig", none, HF_CDP_COMMAND)                            \
    X(S, RAW, svac_decode_config, "SVACDecodeConfig", none, HF_CDP_COMMAND)                            \
    X(S, LIST, video_param_attribute, "VideoParamAttribute", video_attribute,                          \
      HF_CDP_IN_2022 | HF_CDP_COMMAND)                                                                 \
    X(S, BLOCK, video_record_plan, "VideoRecordPlan", record_plan, HF_CDP_IN_2022 | HF_CDP_COMMAND)    \
    X(S, BLOCK, video_alarm_record, "VideoAlarmRecord", alarm_record, HF_CDP_IN_2022 | HF_CDP_COMMAND) \
    X(S, BLOCK, picture_mask, "PictureMask", picture_mask, HF_CDP_IN_2022 | HF_CDP_COMMAND)            \
    X(S, INT, frame_mirror, "FrameMirror", none, HF_CDP_IN_2022 | HF_CDP_COMMAND)                      \
    X(S, BLOCK, alarm_report, "AlarmReport", alarm_report, HF_CDP_IN_2022 | HF_CDP_COMMAND)            \
    X(S, BLOCK, osd_config, "OSDConfig", osd_config, HF_CDP_IN_2022 | HF_CDP_COMMAND)                  \
    X(S, BLOCK, snapshot_config, "SnapShotConfig", snapshot_config,                                    \
      HF_CDP_IN_2022 | HF_CDP_RENAMED | HF_CDP_COMMAND)

/* 9.6 PresetQuery, 9.7 information queries of 2022 */
#define HF_CDP_PRESET(X, S)                             \
    X(S, INT, preset_id, "PresetID", none, HF_CDP_MUST) \
    X(S, TEXT, preset_name, "PresetName", none, 0)
#define HF_CDP_PRESETS(X, S)              \
    X(S, INT, sum_num, "SumNum", none, 0) \
    X(S, LIST, presets, "PresetList", preset, 0)
#define HF_CDP_HOME_POSITION(X, S)                            \
    X(S, INT, enabled, "Enabled", none, HF_CDP_MUST)          \
    X(S, INT, reset_time, "ResetTime", none, 0) /* seconds */ \
    X(S, INT, preset_index, "PresetIndex", none, 0)
#define HF_CDP_HOME(X, S) X(S, BLOCK, home_position, "HomePosition", home_position, 0)
#define HF_CDP_CRUISE_TRACK_ITEM(X, S)             \
    X(S, INT, number, "Number", none, HF_CDP_MUST) \
    X(S, TEXT, name, "Name", none, 0)
#define HF_CDP_CRUISE_TRACKS(X, S)                  \
    X(S, INT, sum_num, "SumNum", none, HF_CDP_MUST) \
    X(S, LIST, tracks, "CruiseTrackList", cruise_track_item, 0)
#define HF_CDP_CRUISE_TRACK_QUERY(X, S) X(S, INT, number, "Number", none, HF_CDP_MUST)
#define HF_CDP_CRUISE_POINT(X, S)                             \
    X(S, INT, preset_index, "PresetIndex", none, HF_CDP_MUST) \
    X(S, INT, stay_time, "StayTime", none, 0) /* seconds */   \
    X(S, INT, speed, "Speed", none, 0)        /* 1-15 */
#define HF_CDP_CRUISE_TRACK(X, S)                   \
    X(S, INT, number, "Number", none, HF_CDP_MUST)  \
    X(S, TEXT, name, "Name", none, 0)               \
    X(S, INT, sum_num, "SumNum", none, HF_CDP_MUST) \
    X(S, LIST, points, "CruisePointList", cruise_point, 0)
#define HF_CDP_PTZ_POSITION(X, S)                                       \
    X(S, REAL, pan, "Pan", none, 0)                                     \
    X(S, REAL, tilt, "Tilt", none, 0)                                   \
    X(S, REAL, zoom, "Zoom", none, 0)                                   \
    X(S, REAL, horizontal_field_angle, "HorizontalFieldAngle", none, 0) \
    X(S, REAL, vertical_field_angle, "VerticalFieldAngle", none, 0)     \
    X(S, REAL, max_view_distance, "MaxViewDistance", none, 0)
#define HF_CDP_SD_CARD(X, S)                              \
    X(S, INT, id, "ID", none, HF_CDP_MUST)                \
    X(S, TEXT, hdd_name, "HddName", none, 0)              \
    X(S, WORD, status, "Status", card, 0)                 \
    X(S, INT, format_progress, "FormatProgress", none, 0) \
    X(S, INT, capacity, "Capacity", none, 0)    /* MB */  \
    X(S, INT, free_space, "FreeSpace", none, 0) /* MB */
#define HF_CDP_SD_CARDS(X, S)                       \
    X(S, INT, sum_num, "SumNum", none, HF_CDP_MUST) \
    X(S, LIST, cards, "SDCardStatusInfo", sd_card, 0)

/* 9.8 bodies of SUBSCRIBE */
#define HF_CDP_ALARM_QUERY(X, S)                                             \
    X(S, INT, start_priority, "StartAlarmPriority", none, 0)                 \
    X(S, INT, end_priority, "EndAlarmPriority", none, 0)                     \
    X(S, TEXT, method, "AlarmMethod", none, 0) /* 0 = all, several with / */ \
    X(S, TEXT, type, "AlarmType", none, 0)                                   \
    X(S, TEXT, start_time, "StartAlarmTime", none, 0)                        \
    X(S, TEXT, end_time, "EndAlarmTime", none, 0)
#define HF_CDP_POSITION_QUERY(X, S) X(S, INT, interval, "Interval", none, 0) /* seconds; missing means 5 */

/* 10 notifies */
#define HF_CDP_ALARM_TYPE_PARAM(X, S) X(S, INT, event_type, "EventType", none, 0) /* 1 enter, 2 leave */
#define HF_CDP_ALARM_INFO(X, S)           \
    X(S, INT, type, "AlarmType", none, 0) \
    X(S, BLOCK, type_param, "AlarmTypeParam", alarm_type_param, 0)
#define HF_CDP_ALARM(X, S)                                                       \
    X(S, INT, priority, "AlarmPriority", none, HF_CDP_MUST) /* 1 highest .. 4 */ \
    X(S, INT, method, "AlarmMethod", none, HF_CDP_MUST)                          \
    X(S, TEXT, time, "AlarmTime", none, HF_CDP_MUST)                             \
    X(S, TEXT, description, "AlarmDescription", none, 0)                         \
    X(S, REAL, longitude, "Longitude", none, 0)                                  \
    X(S, REAL, latitude, "Latitude", none, 0)                                    \
    X(S, BLOCK, info, "Info", alarm_info, 0)
#define HF_CDP_MEDIA_STATUS(X, S) X(S, INT, notify_type, "NotifyType", none, HF_CDP_MUST) /* 121 = the end */
#define HF_CDP_POSITION_ITEM(X, S)                        \
    X(S, TEXT, device_id, "DeviceID", none, HF_CDP_MUST)  \
    X(S, TEXT, capture_time, "CaptureTime", none, 0)      \
    X(S, REAL, longitude, "Longitude", none, HF_CDP_MUST) \
    X(S, REAL, latitude, "Latitude", none, HF_CDP_MUST)   \
    X(S, REAL, speed, "Speed", none, 0)                   \
    X(S, REAL, direction, "Direction", none, 0)           \
    X(S, REAL, altitude, "Altitude", none, 0)             \
    X(S, REAL, height, "Height", none, 0)
/* 2016: one position; 2022: a list. */
#define HF_CDP_POSITION(X, S)                                   \
    X(S, TEXT, time, "Time", none, HF_CDP_MUST)                 \
    X(S, REAL, longitude, "Longitude", none, HF_CDP_IN_2016)    \
    X(S, REAL, latitude, "Latitude", none, HF_CDP_IN_2016)      \
    X(S, REAL, speed, "Speed", none, HF_CDP_IN_2016) /* km/h */ \
    X(S, REAL, direction, "Direction", none, HF_CDP_IN_2016)    \
    X(S, REAL, altitude, "Altitude", none, HF_CDP_IN_2016)      \
    X(S, INT, sum_num, "SumNum", none, HF_CDP_IN_2022)          \
    X(S, LIST, devices, "DeviceList", position_item, HF_CDP_IN_2022)
#define HF_CDP_BROADCAST(X, S)                           \
    X(S, TEXT, source_id, "SourceID", none, HF_CDP_MUST) \
    X(S, TEXT, target_id, "TargetID", none, HF_CDP_MUST)
#define HF_CDP_SNAPSHOT_FINISHED(X, S)                     \
    X(S, TEXT, session_id, "SessionID", none, HF_CDP_MUST) \
    X(S, LIST, files, "SnapShotList", file, 0)
#define HF_CDP_UPLOAD_NOTIFY(X, S)              \
    X(S, TEXT, time, "Time", none, HF_CDP_MUST) \
    X(S, REAL, longitude, "Longitude", none, 0) \
    X(S, REAL, latitude, "Latitude", none, 0)
#define HF_CDP_UPGRADE_RESULT(X, S)                                  \
    X(S, TEXT, session_id, "SessionID", none, HF_CDP_MUST)           \
    X(S, WORD, upgrade_result, "UpgradeResult", health, HF_CDP_MUST) \
    X(S, TEXT, firmware, "Firmware", none, 0)                        \
    X(S, TEXT, failed_reason, "UpgradeFailedReason", none, 0) /* 01, 02, 03, 99 */

/* 11.1 DeviceControl */
#define HF_CDP_PTZ_PARAMS(X, S)                    \
    X(S, TEXT, preset_name, "PresetName", none, 0) \
    X(S, TEXT, cruise_track_name, "CruiseTrackName", none, 0)
#define HF_CDP_BOX(X, S) /* pixels of the player window, origin top left */ \
    X(S, INT, length, "Length", none, HF_CDP_MUST)                          \
    X(S, INT, width, "Width", none, HF_CDP_MUST)                            \
    X(S, INT, mid_x, "MidPointX", none, HF_CDP_MUST)                        \
    X(S, INT, mid_y, "MidPointY", none, HF_CDP_MUST)                        \
    X(S, INT, length_x, "LengthX", none, HF_CDP_MUST)                       \
    X(S, INT, length_y, "LengthY", none, HF_CDP_MUST)
#define HF_CDP_PTZ_PRECISE(X, S)                                   \
    X(S, REAL, pan, "Pan", none, 0)   /* 0-360 */                  \
    X(S, REAL, tilt, "Tilt", none, 0) /* -30..90, down positive */ \
    X(S, REAL, zoom, "Zoom", none, 0) /* >= 1 */
#define HF_CDP_UPGRADE(X, S)                                    \
    X(S, TEXT, firmware, "Firmware", none, HF_CDP_MUST)         \
    X(S, TEXT, file_url, "FileURL", none, HF_CDP_MUST)          \
    X(S, TEXT, manufacturer, "Manufacturer", none, HF_CDP_MUST) \
    X(S, TEXT, session_id, "SessionID", none, HF_CDP_MUST)
#define HF_CDP_CONTROL_INFO(X, S)                              \
    X(S, INT, priority, "ControlPriority", none, 0) /* 1-10 */ \
    X(S, TEXT, alarm_method, "AlarmMethod", none, 0)           \
    X(S, TEXT, alarm_type, "AlarmType", none, 0)
#define HF_CDP_CONTROL(X, S)                                                                          \
    X(S, TEXT, ptz_cmd, "PTZCmd", none, HF_CDP_COMMAND) /* ptz.h */                                   \
    X(S, BLOCK, ptz_params, "PTZCmdParams", ptz_params, HF_CDP_IN_2022)                               \
    X(S, WORD, tele_boot, "TeleBoot", boot, HF_CDP_COMMAND)                                           \
    X(S, WORD, record, "RecordCmd", tape, HF_CDP_COMMAND | HF_CDP_ANSWERED)                           \
    X(S, INT, stream_number, "StreamNumber", none, HF_CDP_IN_2022)                                    \
    X(S, WORD, guard, "GuardCmd", guard, HF_CDP_COMMAND | HF_CDP_ANSWERED)                            \
    X(S, WORD, alarm, "AlarmCmd", clear, HF_CDP_COMMAND | HF_CDP_ANSWERED)                            \
    X(S, WORD, key_frame, "IFameCmd", send, HF_CDP_COMMAND | HF_CDP_RENAMED)                          \
    X(S, BLOCK, drag_zoom_in, "DragZoomIn", box, HF_CDP_COMMAND)                                      \
    X(S, BLOCK, drag_zoom_out, "DragZoomOut", box, HF_CDP_COMMAND)                                    \
    X(S, BLOCK, home_position, "HomePosition", home_position, HF_CDP_COMMAND | HF_CDP_ANSWERED)       \
    X(S, BLOCK, ptz_precise, "PTZPreciseCtrl", ptz_precise, HF_CDP_COMMAND | HF_CDP_IN_2022)          \
    X(S, BLOCK, upgrade, "DeviceUpgrade", upgrade, HF_CDP_COMMAND | HF_CDP_ANSWERED | HF_CDP_IN_2022) \
    X(S, INT, format_sd_card, "FormatSDCard", none, HF_CDP_COMMAND | HF_CDP_IN_2022) /* 0 = all */    \
    X(S, WORD, target_track, "TargetTrack", track, HF_CDP_COMMAND | HF_CDP_IN_2022)                   \
    X(S, TEXT, device_id2, "DeviceID2", none, HF_CDP_IN_2022) /* panorama channel of target_track */  \
    X(S, BLOCK, target_area, "TargetArea", box, HF_CDP_IN_2022)                                       \
    X(S, BLOCK, info, "Info", control_info, 0)

/* Whatever has no layout of its own: an answer with Result only, or a body that this version does not know. */
#define HF_CDP_PLAIN(X, S) X(S, RESULT, result, "Result", health, 0)

/* All structs, those that hold others behind them, with the element of an item of theirs in a LIST. */
#define HF_CDP_STRUCT_MAP(X)                               \
    X(faulty, FAULTY, "DeviceID")                          \
    X(file, FILE, "SnapShotFileID")                        \
    X(keepalive, KEEPALIVE, NULL)                          \
    X(catalog_query, CATALOG_QUERY, NULL)                  \
    X(catalog_info, CATALOG_INFO, NULL)                    \
    X(catalog_item, CATALOG_ITEM, "Item")                  \
    X(catalog, CATALOG, NULL)                              \
    X(device_info, DEVICE_INFO, NULL)                      \
    X(alarm_status, ALARM_STATUS, "Item")                  \
    X(device_status, DEVICE_STATUS, NULL)                  \
    X(record_query, RECORD_QUERY, NULL)                    \
    X(record_item, RECORD_ITEM, "Item")                    \
    X(records, RECORDS, NULL)                              \
    X(config_query, CONFIG_QUERY, NULL)                    \
    X(basic_param, BASIC_PARAM, NULL)                      \
    X(video_param_opt, VIDEO_PARAM_OPT, NULL)              \
    X(video_attribute, VIDEO_ATTRIBUTE, "Item")            \
    X(time_segment, TIME_SEGMENT, NULL)                    \
    X(record_schedule, RECORD_SCHEDULE, NULL)              \
    X(record_plan, RECORD_PLAN, NULL)                      \
    X(alarm_record, ALARM_RECORD, NULL)                    \
    X(mask_region, MASK_REGION, "Item")                    \
    X(picture_mask, PICTURE_MASK, NULL)                    \
    X(alarm_report, ALARM_REPORT, NULL)                    \
    X(osd_text, OSD_TEXT, NULL)                            \
    X(osd_config, OSD_CONFIG, NULL)                        \
    X(snapshot_config, SNAPSHOT_CONFIG, NULL)              \
    X(config, CONFIG, NULL)                                \
    X(preset, PRESET, "Item")                              \
    X(presets, PRESETS, NULL)                              \
    X(home_position, HOME_POSITION, NULL)                  \
    X(home, HOME, NULL)                                    \
    X(cruise_track_item, CRUISE_TRACK_ITEM, "CruiseTrack") \
    X(cruise_tracks, CRUISE_TRACKS, NULL)                  \
    X(cruise_track_query, CRUISE_TRACK_QUERY, NULL)        \
    X(cruise_point, CRUISE_POINT, "CruisePoint")           \
    X(cruise_track, CRUISE_TRACK, NULL)                    \
    X(ptz_position, PTZ_POSITION, NULL)                    \
    X(sd_card, SD_CARD, "Item")                            \
    X(sd_cards, SD_CARDS, NULL)                            \
    X(alarm_query, ALARM_QUERY, NULL)                      \
    X(position_query, POSITION_QUERY, NULL)                \
    X(alarm_type_param, ALARM_TYPE_PARAM, NULL)            \
    X(alarm_info, ALARM_INFO, NULL)                        \
    X(alarm, ALARM, NULL)                                  \
    X(media_status, MEDIA_STATUS, NULL)                    \
    X(position_item, POSITION_ITEM, "Item")                \
    X(position, POSITION, NULL)                            \
    X(broadcast, BROADCAST, NULL)                          \
    X(snapshot_finished, SNAPSHOT_FINISHED, NULL)          \
    X(upload_notify, UPLOAD_NOTIFY, NULL)                  \
    X(upgrade_result, UPGRADE_RESULT, NULL)                \
    X(ptz_params, PTZ_PARAMS, NULL)                        \
    X(box, BOX, NULL)                                      \
    X(ptz_precise, PTZ_PRECISE, NULL)                      \
    X(upgrade, UPGRADE, NULL)                              \
    X(control_info, CONTROL_INFO, NULL)                    \
    X(control, CONTROL, NULL)                              \
    X(plain, PLAIN, NULL)

/* X(command, root, struct, answer, since): what can be read and written. The first name of a command stands in HF_CDP_COMMAND_MAP.
 * answer: ONE message, MANY parts, CONTROL = by the order in it, NONE. */
#define HF_CDP_MESSAGE_MAP(X)                                   \
    X(KEEPALIVE, NOTIFY, keepalive, NONE, 2016)                 \
    X(CATALOG, QUERY, catalog_query, MANY, 2016)                \
    X(CATALOG, RESPONSE, catalog, NONE, 2016)                   \
    X(CATALOG, NOTIFY, catalog, NONE, 2016)                     \
    X(DEVICE_INFO, QUERY, plain, ONE, 2016)                     \
    X(DEVICE_INFO, RESPONSE, device_info, NONE, 2016)           \
    X(DEVICE_STATUS, QUERY, plain, ONE, 2016)                   \
    X(DEVICE_STATUS, RESPONSE, device_status, NONE, 2016)       \
    X(RECORD_INFO, QUERY, record_query, MANY, 2016)             \
    X(RECORD_INFO, RESPONSE, records, NONE, 2016)               \
    X(ALARM, QUERY, alarm_query, NONE, 2016)                    \
    X(ALARM, NOTIFY, alarm, ONE, 2016)                          \
    X(ALARM, RESPONSE, plain, NONE, 2016)                       \
    X(CONFIG_DOWNLOAD, QUERY, config_query, MANY, 2016)         \
    X(CONFIG_DOWNLOAD, RESPONSE, config, NONE, 2016)            \
    X(PRESET_QUERY, QUERY, plain, MANY, 2016)                   \
    X(PRESET_QUERY, RESPONSE, presets, NONE, 2016)              \
    X(MOBILE_POSITION, QUERY, position_query, NONE, 2016)       \
    X(MOBILE_POSITION, NOTIFY, position, NONE, 2016)            \
    X(MOBILE_POSITION, RESPONSE, position, NONE, 2016)          \
    X(HOME_POSITION, QUERY, plain, ONE, 2022)                   \
    X(HOME_POSITION, RESPONSE, home, NONE, 2022)                \
    X(CRUISE_TRACK_LIST, QUERY, plain, MANY, 2022)              \
    X(CRUISE_TRACK_LIST, RESPONSE, cruise_tracks, NONE, 2022)   \
    X(CRUISE_TRACK, QUERY, cruise_track_query, ONE, 2022)       \
    X(CRUISE_TRACK, RESPONSE, cruise_track, NONE, 2022)         \
    X(PTZ_POSITION, QUERY, plain, ONE, 2022)                    \
    X(PTZ_POSITION, RESPONSE, ptz_position, NONE, 2022)         \
    X(PTZ_POSITION, NOTIFY, ptz_position, NONE, 2022)           \
    X(SD_CARD_STATUS, QUERY, plain, ONE, 2022)                  \
    X(SD_CARD_STATUS, RESPONSE, sd_cards, NONE, 2022)           \
    X(DEVICE_CONTROL, CONTROL, control, CONTROL, 2016)          \
    X(DEVICE_CONTROL, RESPONSE, plain, NONE, 2016)              \
    X(DEVICE_CONFIG, CONTROL, config, ONE, 2016)                \
    X(DEVICE_CONFIG, RESPONSE, config, NONE, 2016)              \
    X(BROADCAST, NOTIFY, broadcast, ONE, 2016)                  \
    X(BROADCAST, RESPONSE, plain, NONE, 2016)                   \
    X(MEDIA_STATUS, NOTIFY, media_status, NONE, 2016)           \
    X(SNAPSHOT_FINISHED, NOTIFY, snapshot_finished, NONE, 2022) \
    X(UPLOAD_NOTIFY, NOTIFY, upload_notify, NONE, 2022)         \
    X(UPGRADE_RESULT, NOTIFY, upgrade_result, NONE, 2022)

#define HF_CDP_COMMAND_MAP(X)                      \
    X(OTHER, NULL) /* a name that is not here */   \
    X(KEEPALIVE, "Keepalive")                      \
    X(CATALOG, "Catalog")                          \
    X(DEVICE_INFO, "DeviceInfo")                   \
    X(DEVICE_STATUS, "DeviceStatus")               \
    X(RECORD_INFO, "RecordInfo")                   \
    X(ALARM, "Alarm")                              \
    X(CONFIG_DOWNLOAD, "ConfigDownload")           \
    X(PRESET_QUERY, "PresetQuery")                 \
    X(MOBILE_POSITION, "MobilePosition")           \
    X(HOME_POSITION, "HomePositionQuery")          \
    X(CRUISE_TRACK_LIST, "CruiseTrackListQuery")   \
    X(CRUISE_TRACK, "CruiseTrackQuery")            \
    X(PTZ_POSITION, "PTZPosition")                 \
    X(SD_CARD_STATUS, "SDCardStatus")              \
    X(DEVICE_CONTROL, "DeviceControl")             \
    X(DEVICE_CONFIG, "DeviceConfig")               \
    X(BROADCAST, "Broadcast")                      \
    X(MEDIA_STATUS, "MediaStatus")                 \
    X(SNAPSHOT_FINISHED, "UploadSnapShotFinished") \
    X(UPLOAD_NOTIFY, "VideoUploadNotify")          \
    X(UPGRADE_RESULT, "DeviceUpgradeResult")

#define HF_CDP_ROOT_MAP(X) \
    X(OTHER, NULL) X(CONTROL, "Control") X(QUERY, "Query") X(NOTIFY, "Notify") X(RESPONSE, "Response")

#endif
