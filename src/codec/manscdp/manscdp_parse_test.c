/* codec/manscdp/manscdp_parse_test.c - bodies as devices send them, one row for each kind of message. */
#include "codec/manscdp/manscdp_testkit.h"

#include <cmocka.h>

#define DEVICE "34020000001180000001"

struct row {
    const char *body; /* UTF-8; sent as GB 18030 */
    const char *json; /* without quotes */
};

static void check(const struct row *row)
{
    assert_int_equal(kit_parse(gb(row->body)), HF_OK);
    assert_string_equal(kit_json(&kit_message), row->json);
    assert_string_equal(kit_tolerances(kit_message.tolerances), "");
}

static void notifies_are_read(void **state)
{
    static const struct row rows[] = {
        {HEAD "<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n<SN>43</SN>\r\n<DeviceID>" DEVICE
              "</DeviceID>\r\n<Status>OK</Status>\r\n"
              "<Info>\r\n<DeviceID>34020000001320000009</DeviceID>\r\n<DeviceID>34020000001320000010</"
              "DeviceID>\r\n</Info>\r\n"
              "</Notify>\r\n",
         "{command:Keepalive,root:Notify,sn:43,device_id:" DEVICE
         ",status:OK,faulty:[34020000001320000009,34020000001320000010]}"},
        {HEAD "<Notify><CmdType>Alarm</CmdType><SN>1</SN><DeviceID>34020000001340000001</"
              "DeviceID><AlarmPriority>4</AlarmPriority>"
              "<AlarmMethod>5</AlarmMethod><AlarmTime>2026-01-01T08:00:00</"
              "AlarmTime><AlarmDescription>北门越界</AlarmDescription>"
              "<Longitude>116.397128</Longitude><Latitude>39.916527</Latitude><Info><AlarmType>6</"
              "AlarmType><AlarmTypeParam>"
              "<EventType>2</EventType></AlarmTypeParam></Info><ExtraInfo>line=3</ExtraInfo></Notify>",
         "{command:Alarm,root:Notify,sn:1,device_id:34020000001340000001,priority:4,method:5,time:2026-01-"
         "01T08:00:00,"
         "description:北门越界,longitude:116.397128,latitude:39.916527,info:{type:6,type_param:{event_type:2}"
         "},"
         "extra:[{name:ExtraInfo,value:line=3}]}"},
        {HEAD "<Notify><CmdType>MediaStatus</CmdType><SN>8</SN><DeviceID>34020000001310000001</DeviceID>"
              "<NotifyType>121</NotifyType></Notify>",
         "{command:MediaStatus,root:Notify,sn:8,device_id:34020000001310000001,notify_type:121}"},
        {HEAD "<Notify><CmdType>MobilePosition</CmdType><SN>5</SN><DeviceID>34020000001310000001</DeviceID>"
              "<Time>2026-01-01T08:00:00</Time><Longitude>-0.5</Longitude><Latitude>39.9</"
              "Latitude><Speed>61.5</Speed>"
              "<Direction>270</Direction><Altitude>43.2</Altitude></Notify>",
         "{command:MobilePosition,root:Notify,sn:5,device_id:34020000001310000001,time:2026-01-01T08:00:00,"
         "longitude:-0.5,"
         "latitude:39.9,speed:61.5,direction:270,altitude:43.2}"},
        {HEAD_GB "<Notify><CmdType>MobilePosition</CmdType><SN>6</SN><DeviceID>" DEVICE
                 "</DeviceID><Time>2026-01-01T08:00:00</Time>"
                 "<SumNum>2</SumNum><DeviceList "
                 "Num=\"2\"><Item><DeviceID>34020000001310000001</DeviceID><CaptureTime>2026-01-01T07:59:59"
                 "</CaptureTime><Longitude>116.1</Longitude><Latitude>39.1</Latitude><Height>2.5</Height></"
                 "Item><Item><DeviceID>"
                 "34020000001310000002</DeviceID><Longitude>116.2</Longitude><Latitude>39.2</Latitude></"
                 "Item></DeviceList></Notify>",
         "{command:MobilePosition,root:Notify,sn:6,device_id:" DEVICE
         ",time:2026-01-01T08:00:00,sum_num:2,devices:["
         "{device_id:34020000001310000001,capture_time:2026-01-01T07:59:59,longitude:116.1,latitude:39.1,"
         "height:2.5},"
         "{device_id:34020000001310000002,longitude:116.2,latitude:39.2}]}"},
        {HEAD_GB
         "<Notify><CmdType>UploadSnapShotFinished</CmdType><SN>7</SN><DeviceID>34020000001310000001</"
         "DeviceID><SessionID>"
         "abc-0123456789</SessionID><SnapShotList><SnapShotFileID>34020000001310000001022026010108000012301</"
         "SnapShotFileID>"
         "<SnapShotFileID>34020000001310000001022026010108000112302</SnapShotFileID></SnapShotList></Notify>",
         "{command:UploadSnapShotFinished,root:Notify,sn:7,device_id:34020000001310000001,session_id:abc-"
         "0123456789,files:["
         "34020000001310000001022026010108000012301,34020000001310000001022026010108000112302]}"},
        {HEAD_GB
         "<Notify><CmdType>VideoUploadNotify</CmdType><SN>9</SN><DeviceID>34020000001310000001</DeviceID>"
         "<Time>2026-01-01T08:00:00</Time><Longitude>116.1</Longitude></Notify>",
         "{command:VideoUploadNotify,root:Notify,sn:9,device_id:34020000001310000001,time:2026-01-01T08:00:"
         "00,longitude:116.1}"},
        {HEAD_GB "<Notify><CmdType>DeviceUpgradeResult</CmdType><SN>9</SN><DeviceID>" DEVICE
                 "</DeviceID><SessionID>s-1</SessionID>"
                 "<UpgradeResult>ERROR</UpgradeResult><Firmware>V2.1</Firmware><UpgradeFailedReason>02</"
                 "UpgradeFailedReason></Notify>",
         "{command:DeviceUpgradeResult,root:Notify,sn:9,device_id:" DEVICE
         ",session_id:s-1,upgrade_result:ERROR,firmware:V2.1,failed_reason:02}"},
        {HEAD_GB "<Notify><CmdType>PTZPosition</CmdType><SN>2</SN><DeviceID>34020000001310000001</"
                 "DeviceID><Pan>12.5</Pan>"
                 "<Tilt>-3</Tilt><Zoom>1.0</Zoom></Notify>",
         "{command:PTZPosition,root:Notify,sn:2,device_id:34020000001310000001,pan:12.5,tilt:-3,zoom:1}"},
        {HEAD "<Notify><CmdType>Catalog</CmdType><SN>3</SN><DeviceID>" DEVICE
              "</DeviceID><SumNum>2</SumNum><DeviceList Num=\"2\">"
              "<Item><DeviceID>34020000001310000001</DeviceID><Event>VLOST</Event></Item>"
              "<Item><DeviceID>34020000001310000002</DeviceID><Event>ADD</Event><Name>新</Name></Item></"
              "DeviceList></Notify>",
         "{command:Catalog,root:Notify,sn:3,device_id:" DEVICE ",sum_num:2,devices:["
         "{device_id:34020000001310000001,event:VLOST},{device_id:34020000001310000002,event:ADD,name:新}]}"},
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        check(&rows[i]);
}

static void answers_are_read(void **state)
{
    static const struct row rows[] = {
        {HEAD "<Response><CmdType>DeviceInfo</CmdType><SN>1071</SN><DeviceID>" DEVICE
              "</DeviceID><DeviceName>录像机</DeviceName>"
              "<Result>OK</Result><Manufacturer>ACME</Manufacturer><Model>N16</Model><Firmware>V1.2</"
              "Firmware><Channel>16</Channel>"
              "<MaxAlarm>4</MaxAlarm></Response>",
         "{command:DeviceInfo,root:Response,sn:1071,device_id:" DEVICE
         ",result:OK,device_name:录像机,manufacturer:ACME,model:N16,"
         "firmware:V1.2,channel:16,extra:[{name:MaxAlarm,value:4}]}"},
        {HEAD
         "<Response><CmdType>DeviceStatus</CmdType><SN>2</SN><DeviceID>" DEVICE
         "</DeviceID><Result>OK</Result><Online>ONLINE"
         "</Online><Status>OK</Status><Encode>ON</Encode><Record>OFF</"
         "Record><DeviceTime>2026-01-01T08:00:00</DeviceTime>"
         "<Alarmstatus "
         "Num=\"1\"><Item><DeviceID>34020000001340000001</DeviceID><DutyStatus>ONDUTY</DutyStatus></Item>"
         "</Alarmstatus></Response>",
         "{command:DeviceStatus,root:Response,sn:2,device_id:" DEVICE
         ",result:OK,online:ONLINE,status:OK,encode:ON,record:OFF,"
         "device_time:2026-01-01T08:00:00,alarm_status:[{device_id:34020000001340000001,duty_status:ONDUTY}]"
         "}"},
        {HEAD "<Response><CmdType>RecordInfo</CmdType><SN>3</SN><DeviceID>34020000001310000001</"
              "DeviceID><Name>大门</Name>"
              "<SumNum>1</SumNum><RecordList "
              "Num=\"1\"><Item><DeviceID>34020000001310000001</DeviceID><Name>大门</Name>"
              "<FilePath>/a/1</FilePath><Address>a</Address><StartTime>2026-01-01T08:00:00</"
              "StartTime><EndTime>2026-01-01T09:00:00"
              "</EndTime><Secrecy>0</Secrecy><Type>time</Type><RecorderID>r</"
              "RecorderID><FileSize>1073741824</FileSize></Item>"
              "</RecordList></Response>",
         "{command:RecordInfo,root:Response,sn:3,device_id:34020000001310000001,name:大门,sum_num:1,records:["
         "{device_id:"
         "34020000001310000001,name:大门,file_path:/a/"
         "1,address:a,start_time:2026-01-01T08:00:00,end_time:2026-01-01T09:00:00,"
         "secrecy:0,type:time,recorder_id:r,file_size:1073741824}]}"},
        {HEAD "<Response><CmdType>RecordInfo</CmdType><SN>3</SN><DeviceID>34020000001310000001</"
              "DeviceID><SumNum>0</SumNum></Response>",
         "{command:RecordInfo,root:Response,sn:3,device_id:34020000001310000001,sum_num:0}"},
        {HEAD "<Response><CmdType>ConfigDownload</CmdType><SN>4</SN><DeviceID>" DEVICE
              "</DeviceID><Result>OK</Result><BasicParam>"
              "<Name>机</Name><Expiration>3600</Expiration><HeartBeatInterval>60</"
              "HeartBeatInterval><HeartBeatCount>3</HeartBeatCount>"
              "<PositionCapability>0</PositionCapability><Longitude>1.5</Longitude></"
              "BasicParam><VideoParamOpt><DownloadSpeed>1/2/4"
              "</DownloadSpeed><Resolution>5/6</Resolution></"
              "VideoParamOpt><SVACEncodeConfig><ROIParam><ROIFlag>1</ROIFlag>"
              "</ROIParam></SVACEncodeConfig></Response>",
         "{command:ConfigDownload,root:Response,sn:4,device_id:" DEVICE
         ",result:OK,basic_param:{name:机,expiration:3600,"
         "heartbeat_interval:60,heartbeat_count:3,position_capability:0,longitude:1.5},video_param_opt:{"
         "download_speed:1/2/4,"
         "resolution:5/6},svac_encode_config:<ROIParam><ROIFlag>1</ROIFlag></ROIParam>}"},
        {HEAD_GB "<Response><CmdType>ConfigDownload</CmdType><SN>4</SN><DeviceID>" DEVICE
                 "</DeviceID><Result>OK</Result>"
                 "<VideoParamAttribute "
                 "Num=\"1\"><Item><StreamNumber>0</StreamNumber><VideoFormat>5</VideoFormat><Resolution>6</"
                 "Resolution>"
                 "<FrameRate>25</FrameRate><BitRateType>2</BitRateType><VideoBitRate>4096</VideoBitRate></"
                 "Item></VideoParamAttribute>"
                 "<VideoRecordPlan><RecordEnable>1</RecordEnable><RecordScheduleSumNum>2</"
                 "RecordScheduleSumNum><RecordSchedule><WeekDayNum>1"
                 "</WeekDayNum><TimeSegmentSumNum>2</TimeSegmentSumNum><TimeSegment><StartHour>8</"
                 "StartHour><StartMin>0</StartMin><StopHour>9"
                 "</StopHour></TimeSegment><TimeSegment><StartHour>10</StartHour></TimeSegment></"
                 "RecordSchedule><RecordSchedule><WeekDayNum>2"
                 "</WeekDayNum></RecordSchedule><StreamNumber>0</StreamNumber></"
                 "VideoRecordPlan><VideoAlarmRecord><RecordEnable>1"
                 "</RecordEnable><PreRecordTime>5</PreRecordTime></VideoAlarmRecord><PictureMask><On>1</"
                 "On><SumNum>1</SumNum>"
                 "<RegionList "
                 "Num=\"1\"><Item><Seq>1</Seq><Point>1,2,3,4</Point></Item></RegionList></"
                 "PictureMask><FrameMirror>3</FrameMirror>"
                 "<AlarmReport><MotionDetection>1</MotionDetection><FieldDetection>0</FieldDetection></"
                 "AlarmReport><OSDConfig><Length>704"
                 "</Length><Width>576</Width><TimeEnable>1</TimeEnable><SumNum>2</SumNum><Item><Text>东门</"
                 "Text><X>1</X><Y>2</Y></Item><Item>"
                 "<Text>b</Text></Item></OSDConfig><SnapShot><SnapNum>3</SnapNum><Interval>1</"
                 "Interval><UploadURL>http://h/u</UploadURL>"
                 "<SessionID>s</SessionID></SnapShot></Response>",
         "{command:ConfigDownload,root:Response,sn:4,device_id:" DEVICE
         ",result:OK,video_param_attribute:[{stream_number:0,"
         "video_format:5,resolution:6,frame_rate:25,bit_rate_type:2,video_bit_rate:4096}],video_record_plan:{"
         "record_enable:1,"
         "schedule_count:2,schedules:[{week_day:1,segment_count:2,segments:[{start_hour:8,start_min:0,stop_"
         "hour:9},{start_hour:10}]},"
         "{week_day:2}],stream_number:0},video_alarm_record:{record_enable:1,pre_record_time:5},picture_mask:"
         "{on:1,sum_num:1,"
         "regions:[{seq:1,point:1,2,3,4}]},frame_mirror:3,alarm_report:{motion_detection:1,field_detection:0}"
         ",osd_config:{length:704,"
         "width:576,time_enable:1,sum_num:2,texts:[{text:东门,x:1,y:2},{text:b}]},snapshot_config:{snap_num:"
         "3,interval:1,"
         "upload_url:http://h/u,session_id:s}}"},
        {HEAD "<Response><CmdType>PresetQuery</CmdType><SN>5</SN><DeviceID>34020000001310000001</"
              "DeviceID><PresetList Num=\"2\"><Item>"
              "<PresetID>1</PresetID><PresetName>门</PresetName></Item><Item><PresetID>2</"
              "PresetID><PresetName></PresetName></Item>"
              "</PresetList></Response>",
         "{command:PresetQuery,root:Response,sn:5,device_id:34020000001310000001,presets:[{preset_id:1,"
         "preset_name:门},"
         "{preset_id:2}]}"},
        {HEAD_GB "<Response><CmdType>HomePositionQuery</CmdType><SN>5</SN><DeviceID>34020000001310000001</"
                 "DeviceID><HomePosition>"
                 "<Enabled>1</Enabled><ResetTime>30</ResetTime><PresetIndex>2</PresetIndex></HomePosition></"
                 "Response>",
         "{command:HomePositionQuery,root:Response,sn:5,device_id:34020000001310000001,home_position:{"
         "enabled:1,reset_time:30,"
         "preset_index:2}}"},
        {HEAD_GB "<Response><CmdType>CruiseTrackListQuery</CmdType><SN>5</SN><DeviceID>34020000001310000001</"
                 "DeviceID><SumNum>2"
                 "</SumNum><CruiseTrackList "
                 "Num=\"2\"><CruiseTrack><Number>0</Number><Name>夜</Name></CruiseTrack><CruiseTrack>"
                 "<Number>1</Number></CruiseTrack></CruiseTrackList></Response>",
         "{command:CruiseTrackListQuery,root:Response,sn:5,device_id:34020000001310000001,sum_num:2,tracks:[{"
         "number:0,name:夜},"
         "{number:1}]}"},
        {HEAD_GB "<Response><CmdType>CruiseTrackQuery</CmdType><SN>5</SN><DeviceID>34020000001310000001</"
                 "DeviceID><Number>0</Number>"
                 "<Name>夜</Name><SumNum>1</SumNum><CruisePointList "
                 "Num=\"1\"><CruisePoint><PresetIndex>3</PresetIndex><StayTime>10"
                 "</StayTime><Speed>15</Speed></CruisePoint></CruisePointList></Response>",
         "{command:CruiseTrackQuery,root:Response,sn:5,device_id:34020000001310000001,number:0,name:夜,sum_"
         "num:1,points:[{"
         "preset_index:3,stay_time:10,speed:15}]}"},
        {HEAD_GB "<Response><CmdType>PTZPosition</CmdType><SN>5</SN><DeviceID>34020000001310000001</"
                 "DeviceID><Pan>359.99</Pan>"
                 "<HorizontalFieldAngle>60.5</HorizontalFieldAngle><VerticalFieldAngle>40</"
                 "VerticalFieldAngle><MaxViewDistance>150"
                 "</MaxViewDistance></Response>",
         "{command:PTZPosition,root:Response,sn:5,device_id:34020000001310000001,pan:359.99,horizontal_field_"
         "angle:60.5,"
         "vertical_field_angle:40,max_view_distance:150}"},
        {HEAD_GB
         "<Response><CmdType>SDCardStatus</CmdType><SN>5</SN><DeviceID>34020000001310000001</"
         "DeviceID><SumNum>1</SumNum>"
         "<SDCardStatusInfo "
         "Num=\"1\"><Item><ID>1</ID><HddName>sd1</HddName><Status>formatting</Status><FormatProgress>40"
         "</FormatProgress><Capacity>65536</Capacity><FreeSpace>1024</FreeSpace></Item></SDCardStatusInfo></"
         "Response>",
         "{command:SDCardStatus,root:Response,sn:5,device_id:34020000001310000001,sum_num:1,cards:[{id:1,hdd_"
         "name:sd1,"
         "status:formatting,format_progress:40,capacity:65536,free_space:1024}]}"},
        {HEAD "<Response><CmdType>DeviceControl</CmdType><SN>5</SN><DeviceID>34020000001310000001</"
              "DeviceID><Result>OK</Result>"
              "</Response>",
         "{command:DeviceControl,root:Response,sn:5,device_id:34020000001310000001,result:OK}"},
        {HEAD "<Response><CmdType>DeviceConfig</CmdType><SN>5</SN><DeviceID>34020000001310000001</"
              "DeviceID><Result>ERROR</Result>"
              "</Response>",
         "{command:DeviceConfig,root:Response,sn:5,device_id:34020000001310000001,result:ERROR}"},
        {HEAD "<Response><CmdType>Broadcast</CmdType><SN>5</SN><DeviceID>34020000001370000001</"
              "DeviceID><Result>OK</Result></Response>",
         "{command:Broadcast,root:Response,sn:5,device_id:34020000001370000001,result:OK}"},
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        check(&rows[i]);
}

/* All fields of both editions. */
static void a_catalogue_item_is_read_whole(void **state)
{
    static const struct row row = {
        HEAD "<Response><CmdType>Catalog</CmdType><SN>7</SN><DeviceID>" DEVICE
             "</DeviceID><SumNum>2</SumNum><DeviceList Num=\"1\"><Item>"
             "<DeviceID>34020000001310000001</DeviceID><Name>东门球机</Name><Manufacturer>ACME</"
             "Manufacturer><Model>M1</Model><Owner>0"
             "</Owner><CivilCode>340200</CivilCode><Block>b</Block><Address>北京路1号</Address><Parental>0</"
             "Parental><ParentID>" DEVICE
             "</ParentID><SafetyWay>0</SafetyWay><RegisterWay>1</RegisterWay><SecurityLevelCode>A</"
             "SecurityLevelCode><CertNum>c</CertNum>"
             "<Certifiable>0</Certifiable><ErrCode>400</ErrCode><EndTime>2027-01-01T00:00:00</"
             "EndTime><Secrecy>0</Secrecy><IPAddress>"
             "192.0.2.7</IPAddress><Port>5060</Port><Password>secret</Password><Status>ON</"
             "Status><Longitude>116.397128</Longitude>"
             "<Latitude>39.916527</Latitude><BusinessGroupID>34020000002150000001</"
             "BusinessGroupID><Info><PTZType>1</PTZType>"
             "<PositionType>2</PositionType><PhotoelectricImagingType>1</"
             "PhotoelectricImagingType><CapturePositionType>3"
             "</CapturePositionType><RoomType>1</RoomType><UseType>1</UseType><SupplyLightType>2</"
             "SupplyLightType><DirectionType>3"
             "</DirectionType><Resolution>5/6</Resolution><BusinessGroupID>34020000002150000002</"
             "BusinessGroupID><StreamNumberList>0/1"
             "</StreamNumberList><DownloadSpeed>1/2/4</DownloadSpeed><SVCSpaceSupportMode>0</"
             "SVCSpaceSupportMode><SVCTimeSupportMode>0"
             "</SVCTimeSupportMode><SSVCRatioSupportList>4:3</SSVCRatioSupportList><MobileDeviceType>4</"
             "MobileDeviceType>"
             "<HorizontalFieldAngle>60.5</HorizontalFieldAngle><VerticalFieldAngle>40</"
             "VerticalFieldAngle><MaxViewDistance>150"
             "</MaxViewDistance><GrassrootsCode>000000</GrassrootsCode><PointType>1</"
             "PointType><PointCommonName>门</PointCommonName><MAC>"
             "00-11-22-33-44-55</MAC><FunctionType>01</FunctionType><EncodeType>2</"
             "EncodeType><InstallTime>2025-01-01T00:00:00"
             "</InstallTime><ManagementUnit>u</ManagementUnit><ContactInfo>12345</"
             "ContactInfo><RecordSaveDays>30</RecordSaveDays>"
             "<IndustrialClassification>I</IndustrialClassification><Vendor>v</Vendor></Info><Tag><A>1</A></"
             "Tag></Item></DeviceList>"
             "</Response>",
        "{command:Catalog,root:Response,sn:7,device_id:" DEVICE
        ",sum_num:2,devices:[{device_id:34020000001310000001,name:东门球机,"
        "manufacturer:ACME,model:M1,owner:0,civil_code:340200,block:b,address:北京路1号,parental:0,parent_"
        "id:" DEVICE ",safety_way:0,"
        "register_way:1,security_level_code:A,cert_num:c,certifiable:0,err_code:400,end_time:2027-01-01T00:"
        "00:00,secrecy:0,"
        "ip_address:192.0.2.7,port:5060,status:ON,longitude:116.397128,latitude:39.916527,business_group_id:"
        "34020000002150000001,info:{"
        "ptz_type:1,position_type:2,photoelectric_imaging_type:1,capture_position_type:3,room_type:1,use_"
        "type:1,supply_light_type:2,"
        "direction_type:3,resolution:5/6,business_group_id:34020000002150000002,stream_number_list:0/"
        "1,download_speed:1/2/4,"
        "svc_space_support_mode:0,svc_time_support_mode:0,ssvc_ratio_support_list:4:3,mobile_device_type:4,"
        "horizontal_field_angle:60.5,"
        "vertical_field_angle:40,max_view_distance:150,grassroots_code:000000,point_type:1,point_common_name:"
        "门,mac:00-11-22-33-44-55,"
        "function_type:01,encode_type:2,install_time:2025-01-01T00:00:00,management_unit:u,contact_info:"
        "12345,record_save_days:30,"
        "industrial_classification:I},extra:[{in:Info,name:Vendor,value:v},{name:Tag,value:<A>1</"
        "A>,markup:true}]}]}"};

    (void)state;
    check(&row);
    assert_null(strstr(kit_json(&kit_message), "secret")); /* a catalogue's password is not kept */
}

static void requests_are_read_as_a_device_would(void **state)
{
    static const struct row rows[] = {
        {HEAD "<Query><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>" DEVICE
              "</DeviceID><StartTime>2026-01-01T00:00:00</StartTime>"
              "</Query>",
         "{command:Catalog,root:Query,sn:1,device_id:" DEVICE ",start_time:2026-01-01T00:00:00}"},
        {HEAD "<Control><CmdType>DeviceControl</CmdType><SN>1</SN><DeviceID>" DEVICE
              "</DeviceID><PTZCmd>A50F0100000000B5</PTZCmd>"
              "<Info><ControlPriority>5</ControlPriority></Info></Control>",
         "{command:DeviceControl,root:Control,sn:1,device_id:" DEVICE
         ",ptz_cmd:A50F0100000000B5,info:{priority:5}}"},
        {HEAD "<Control><CmdType>DeviceControl</CmdType><SN>1</SN><DeviceID>" DEVICE
              "</DeviceID><IFameCmd>Send</IFameCmd></Control>",
         "{command:DeviceControl,root:Control,sn:1,device_id:" DEVICE ",key_frame:Send}"},
        {HEAD_GB "<Control><CmdType>DeviceControl</CmdType><SN>1</SN><DeviceID>" DEVICE
                 "</DeviceID><IFrameCmd>Send</IFrameCmd></Control>",
         "{command:DeviceControl,root:Control,sn:1,device_id:" DEVICE ",key_frame:Send}"},
        {HEAD_GB "<Control><CmdType>DeviceConfig</CmdType><SN>1</SN><DeviceID>" DEVICE
                 "</DeviceID><SnapShotConfig><SnapNum>1</SnapNum>"
                 "</SnapShotConfig></Control>",
         "{command:DeviceConfig,root:Control,sn:1,device_id:" DEVICE ",snapshot_config:{snap_num:1}}"},
        {HEAD "<Notify><CmdType>Broadcast</CmdType><SN>992</SN><SourceID>34020000002000000001</"
              "SourceID><TargetID>34020000001370000001"
              "</TargetID></Notify>",
         "{command:Broadcast,root:Notify,sn:992,source_id:34020000002000000001,target_id:"
         "34020000001370000001}"},
        {HEAD "<Query><CmdType>Alarm</CmdType><SN>3</SN><DeviceID>" DEVICE
              "</DeviceID><StartAlarmPriority>0</StartAlarmPriority>"
              "<EndAlarmPriority>0</EndAlarmPriority><AlarmMethod>0</AlarmMethod></Query>",
         "{command:Alarm,root:Query,sn:3,device_id:" DEVICE ",start_priority:0,end_priority:0,method:0}"},
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        check(&rows[i]);
}

static void unknown_bodies_are_kept(void **state)
{
    static const struct row rows[] = {
        {HEAD "<Notify><CmdType>VendorThing</CmdType><SN>1</SN><DeviceID>" DEVICE
              "</DeviceID><Foo>门</Foo><Bar><Baz>1</Baz></Bar></Notify>",
         "{command:VendorThing,root:Notify,sn:1,device_id:" DEVICE
         ",extra:[{name:Foo,value:门},{name:Bar,value:<Baz>1</Baz>,markup:true}]}"},
        {HEAD "<Event><CmdType>Keepalive</CmdType><SN>1</SN><Status>OK</Status></Event>",
         "{command:Keepalive,root:Event,sn:1,extra:[{name:Status,value:OK}]}"},
        {HEAD "<Notify><CmdType>DeviceInfo</CmdType><SN>1</SN><Result>OK</Result></Notify>",
         "{command:DeviceInfo,root:Notify,sn:1,result:OK}"},
        {HEAD "<hello><world/></hello>", "{command:,root:hello,extra:[{name:world,value:}]}"},
        {HEAD "<Response/>", "{command:,root:Response}"},
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        check(&rows[i]);
}

static void extras_are_bounded(void **state)
{
    char body[4096];
    struct hf_sb sb;

    (void)state;
    hf_sb_init(&sb, body, sizeof(body));
    hf_sb_text(&sb, HEAD "<Notify><CmdType>X</CmdType><SN>1</SN>");
    for (unsigned i = 0; i < HF_CDP_EXTRAS_MAX; i++)
        hf_sb_printf(&sb, "<E%u>v</E%u>", i, i);
    size_t bytes = sb.bytes;

    hf_sb_text(&sb, "</Notify>");
    assert_int_equal(kit_parse(hf_sb_done(&sb)), HF_OK);
    assert_int_equal(kit_message.extra_count, HF_CDP_EXTRAS_MAX);
    assert_int_equal(kit_message.tolerances, 0);
    sb.bytes = bytes;
    hf_sb_text(&sb, "<More>v</More></Notify>");
    assert_int_equal(kit_parse(hf_sb_done(&sb)), HF_OK);
    assert_int_equal(kit_message.extra_count, HF_CDP_EXTRAS_MAX);
    assert_int_equal(kit_message.tolerances, HF_XML_EXTRAS);
}

static void a_list_is_bounded(void **state)
{
    static char body[HF_CDP_ITEMS_MAX * 64 + 256];
    struct hf_cdp_catalog_item item;
    struct hf_cdp_iter iter;
    struct hf_sb sb;

    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        hf_sb_init(&sb, body, sizeof(body));
        hf_sb_text(&sb, HEAD "<Response><CmdType>Catalog</CmdType><SN>1</SN><DeviceList Num=\"1\">");
        for (unsigned i = 0; i < HF_CDP_ITEMS_MAX + more; i++)
            hf_sb_printf(&sb, "<Item><DeviceID>%u</DeviceID></Item>", i);
        hf_sb_text(&sb, "</DeviceList></Response>");
        assert_int_equal(kit_parse(hf_sb_done(&sb)), HF_OK);
        hf_cdp_list_begin(&iter, &kit_message, &kit_message.as.catalog.devices, kit_item_scratch,
                          sizeof(kit_item_scratch));
        for (unsigned i = 0; i < HF_CDP_ITEMS_MAX; i++)
            assert_int_equal(hf_cdp_list_next(&iter, &item, sizeof(item)), HF_OK);
        for (unsigned i = 0; i < 2; i++) /* final */
            assert_int_equal(hf_cdp_list_next(&iter, &item, sizeof(item)),
                             more ? HF_ERR_LIMIT : HF_ERR_NOT_FOUND);
        assert_int_equal(iter.count, HF_CDP_ITEMS_MAX);
    }
    /* An item that nests too deep is left out; its neighbours are there. */
    assert_int_equal(
        kit_parse(HF_SLICE(
            HEAD
            "<Response><CmdType>Catalog</CmdType><SN>1</SN><DeviceList><Item><DeviceID>1</DeviceID><a><a><a>"
            "<a><a><a><a><a><a><a><a><a><a><a></Item><Item><DeviceID>2</DeviceID></Item></DeviceList></"
            "Response>")),
        HF_OK);
    hf_cdp_list_begin(&iter, &kit_message, &kit_message.as.catalog.devices, kit_item_scratch,
                      sizeof(kit_item_scratch));
    assert_int_equal(hf_cdp_list_next(&iter, &item, sizeof(item)), HF_OK);
    assert_true(hf_slice_is(item.device_id, "2"));
    assert_int_equal(iter.skipped, 1);
    assert_int_equal(hf_cdp_list_next(&iter, &item, sizeof(item)), HF_ERR_NOT_FOUND);
    hf_cdp_list_begin(&iter, &kit_message, &(struct hf_cdp_list){.count = 0}, kit_item_scratch,
                      sizeof(kit_item_scratch));
    assert_int_equal(hf_cdp_list_next(&iter, &item, sizeof(item)), HF_ERR_NOT_FOUND); /* there is no list */
}

static void items_are_json_by_themselves(void **state)
{
    struct hf_cdp_catalog_item item;
    struct hf_cdp_iter iter;
    struct hf_json_out out;
    struct hf_sb sb;
    char text[256];

    (void)state;
    assert_int_equal(
        kit_parse(HF_SLICE(
            HEAD "<Response><CmdType>Catalog</CmdType><SN>1</SN><DeviceList><Item><DeviceID>1</DeviceID>"
                 "<Status>ON</Status><X>y</X></Item></DeviceList></Response>")),
        HF_OK);
    hf_cdp_list_begin(&iter, &kit_message, &kit_message.as.catalog.devices, kit_item_scratch,
                      sizeof(kit_item_scratch));
    assert_int_equal(hf_cdp_list_next(&iter, &item, sizeof(item)), HF_OK);
    hf_sb_init(&sb, text, sizeof(text));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_cdp_json_item(&iter, &item, &out);
    hf_json_out_end(&out);
    assert_string_equal(
        text, "{\"device_id\":\"1\",\"status\":\"ON\",\"extra\":[{\"name\":\"X\",\"value\":\"y\"}]}");
}

/* For a message whose Content-Length is in doubt. */
static void a_body_is_complete_or_not(void **state)
{
    static const struct {
        const char *body;
        bool complete;
    } rows[] = {
        {HEAD "<Notify><a>1</a></Notify>", true},
        {HEAD "<Notify><a>1</a></notify >\r\n", true},
        {HEAD "<Notify/>", true},
        {HEAD "<Notify/><a>", false},
        {HEAD "<Notify><a>1</a></Notify", false},
        {HEAD "<Notify><a>1</a>", false},
        {HEAD "<Notify><a>1</Notifx>", false},
        {"Notify></Notify>", false},
        {"</Notify>", false},
        {"", false},
        {"<a>", false},
        {"<a></a>", true},
        {"<aa>/a>", false},
        {"<Response></Response>", true},
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (hf_xml_is_complete(kit_exact(hf_slice_of(rows[i].body))) != rows[i].complete)
            fail_msg("%s", rows[i].body);
}

static void times_are_read_in_their_forms(void **state)
{
    static const struct {
        const char *text;
        int zone;
        uint64_t utc_ms;
    } rows[] = {
        {"2026-01-01T08:00:00", 480, UINT64_C(1767225600000)},
        {"2026-01-01T00:00:00", 0, UINT64_C(1767225600000)},
        {" 2026-01-01 08:00:00 ", 480, UINT64_C(1767225600000)},
        {"2026-01-01T00:00:00Z", 480, UINT64_C(1767225600000)},
        {"2026-01-01T08:00:00+08:00", 0, UINT64_C(1767225600000)},
        {"2025-12-31T16:00:00-0800", 480, UINT64_C(1767225600000)},
        {"2026-01-01T09:00:00+09", 480, UINT64_C(1767225600000)},
        {"2026-01-01T08:00:00.123456", 480, UINT64_C(1767225600123)},
        {"2026-01-01T08:00:00.5Z", 480, UINT64_C(1767254400500)},
        {"2024-02-29t12:00:00", 0, UINT64_C(1709208000000)},
        {"2000-02-29T00:00:00", 0, UINT64_C(951782400000)},
        {"1970-01-01T08:00:00", 480, 0},
        {"9999-12-31T23:59:59", 0, UINT64_C(253402300799000)},
    };
    static const char *const wrong[] = {
        "",
        "2026-01-01",
        "2026-13-01T00:00:00",
        "2026-00-01T00:00:00",
        "2025-02-29T00:00:00",
        "2100-02-29T00:00:00",
        "2026-04-31T00:00:00",
        "2026-01-01T24:00:00",
        "2026-01-01T00:60:00",
        "2026-01-01T00:00:61",
        "2026-01-01T00:00:00.",
        "2026-01-01T00:00:00+8",
        "2026-01-01T00:00:00+08:",
        "2026-01-01T00:00:00+15:00",
        "2026-01-01T00:00:00+0870",
        "2026-01-01T00:00:00 x",
        "1969-12-31T23:59:59",
        "1970-01-01T07:59:59+08:00",
        "20260101T000000",
        "2026-01-01X00:00:00",
    };
    char text[HF_CDP_TIME_BYTES];
    uint64_t utc_ms;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(hf_cdp_time_parse(hf_slice_of(rows[i].text), rows[i].zone, &utc_ms), HF_OK);
        assert_int_equal(utc_ms, rows[i].utc_ms);
    }
    for (size_t i = 0; i < HF_COUNT_OF(wrong); i++)
        if (hf_cdp_time_parse(hf_slice_of(wrong[i]), 0, &utc_ms) != HF_ERR_INVALID)
            fail_msg("%s", wrong[i]);
    hf_cdp_time_format(UINT64_C(1767225600999), 480, text);
    assert_string_equal(text, "2026-01-01T08:00:00");
    hf_cdp_time_format(UINT64_C(951782400000), -60, text);
    assert_string_equal(text, "2000-02-28T23:00:00");
    hf_cdp_time_format(0, -60, text);
    assert_string_equal(text, "1970-01-01T00:00:00");
    hf_cdp_time_format(UINT64_MAX, 480, text);
    assert_string_equal(text, "9999-12-31T23:59:59");
    for (uint64_t day = 0; day < 40000; day += 13) { /* every month of four centuries' worth of rules */
        hf_cdp_time_format(day * 86400000, 0, text);
        assert_int_equal(hf_cdp_time_parse(hf_slice_of(text), 0, &utc_ms), HF_OK);
        assert_int_equal(utc_ms, day * 86400000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notifies_are_read),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(a_catalogue_item_is_read_whole),
        cmocka_unit_test(requests_are_read_as_a_device_would),
        cmocka_unit_test(unknown_bodies_are_kept),
        cmocka_unit_test(extras_are_bounded),
        cmocka_unit_test(a_list_is_bounded),
        cmocka_unit_test(items_are_json_by_themselves),
        cmocka_unit_test(a_body_is_complete_or_not),
        cmocka_unit_test(times_are_read_in_their_forms),
    };

    kit_open();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    kit_exact((struct hf_slice){NULL, 0});
    kit_close();
    return failed;
}
