/* core/sip/tx_table.c - the four machines. An empty cell is an event that the state forbids; it changes nothing. A transaction that reached ENDED is in no map and has
 * no timer. Where a stream makes a timer 0 (D, I, J, K) the action goes on to ENDED by itself.
 *
 * INVITE client            1xx            2xx            300-699
 *   TRYING (Calling) --> PROCEEDING --> ACCEPTED [M]     COMPLETED [D]      B, C, CANCEL: FAILED
 * other client
 *   TRYING           --> PROCEEDING --> COMPLETED [K]                       F: FAILED
 * INVITE server              2xx            300-699       ACK
 *   PROCEEDING           ACCEPTED [L]     COMPLETED [H] --> CONFIRMED [I]   ANSWER, L: LOST
 * other server
 *   TRYING           --> PROCEEDING --> COMPLETED [J]                       ANSWER: LOST
 *
 * Sources: RFC 3261 figures 5 to 8, RFC 6026 figures 1 and 2. */
#include "core/sip/tx_internal.h"

#define AGAIN_   [HF_SIP_EV_AGAIN]
#define S1XX     [HF_SIP_EV_1XX]
#define S2XX     [HF_SIP_EV_2XX]
#define S3XX     [HF_SIP_EV_3XX]
#define ACK_     [HF_SIP_EV_ACK]
#define CANCEL_  [HF_SIP_EV_CANCEL]
#define REPEAT   [HF_SIP_EV_REPEAT]
#define DEADLINE [HF_SIP_EV_DEADLINE]
#define FAILED   [HF_SIP_EV_FAILED]

enum {
    TRYING = HF_SIP_TX_TRYING,
    PROCEEDING = HF_SIP_TX_PROCEEDING,
    COMPLETED = HF_SIP_TX_COMPLETED,
    ACCEPTED = HF_SIP_TX_ACCEPTED,
    CONFIRMED = HF_SIP_TX_CONFIRMED,
    ENDED = HF_SIP_TX_ENDED,
};

const struct hf_sip_tx_cell hf_sip_tx_table[HF_SIP_TX_KINDS][HF_SIP_TX_STATES][HF_SIP_EVS] =
    {
        [HF_SIP_TX_CLIENT] =
            {
                [TRYING] = {S1XX = {PROCEEDING, hf_sip_client_provisional},
                            S2XX = {COMPLETED, hf_sip_client_final}, S3XX = {COMPLETED, hf_sip_client_final},
                            REPEAT = {TRYING, hf_sip_client_repeat}, DEADLINE = {ENDED, hf_sip_client_failed},
                            FAILED = {ENDED, hf_sip_client_failed}},
                [PROCEEDING] = {S1XX = {PROCEEDING, hf_sip_client_provisional},
                                S2XX = {COMPLETED, hf_sip_client_final},
                                S3XX = {COMPLETED, hf_sip_client_final},
                                REPEAT = {PROCEEDING, hf_sip_client_repeat},
                                DEADLINE = {ENDED, hf_sip_client_failed},
                                FAILED = {ENDED, hf_sip_client_failed}},
                [COMPLETED] = {S1XX = {COMPLETED, hf_sip_client_absorb},
                               S2XX = {COMPLETED, hf_sip_client_absorb},
                               S3XX = {COMPLETED, hf_sip_client_absorb},
                               DEADLINE = {ENDED, hf_sip_client_end}, FAILED = {ENDED, hf_sip_client_end}},
            },
        [HF_SIP_TX_CLIENT_INVITE] =
            {
                [TRYING] = {S1XX = {PROCEEDING, hf_sip_client_provisional},
                            S2XX = {ACCEPTED, hf_sip_client_accepted},
                            S3XX = {COMPLETED, hf_sip_client_rejected},
                            CANCEL_ = {TRYING, hf_sip_client_cancel_later},
                            REPEAT = {TRYING, hf_sip_client_repeat}, DEADLINE = {ENDED, hf_sip_client_failed},
                            FAILED = {ENDED, hf_sip_client_failed}},
                [PROCEEDING] = {S1XX = {PROCEEDING, hf_sip_client_provisional},
                                S2XX = {ACCEPTED, hf_sip_client_accepted},
                                S3XX = {COMPLETED, hf_sip_client_rejected},
                                CANCEL_ = {PROCEEDING, hf_sip_client_cancel},
                                DEADLINE = {ENDED, hf_sip_client_failed},
                                FAILED = {ENDED, hf_sip_client_failed}},
                [COMPLETED] = {S1XX = {COMPLETED, hf_sip_client_absorb},
                               S2XX = {COMPLETED, hf_sip_client_late},
                               S3XX = {COMPLETED, hf_sip_client_reack}, DEADLINE = {ENDED, hf_sip_client_end},
                               FAILED = {ENDED, hf_sip_client_end}},
                [ACCEPTED] = {S1XX = {ACCEPTED, hf_sip_client_absorb},
                              S2XX = {ACCEPTED, hf_sip_client_accepted_again},
                              S3XX = {ACCEPTED, hf_sip_client_absorb}, DEADLINE = {ENDED, hf_sip_client_over},
                              FAILED = {ENDED, hf_sip_client_over}},
            },
        [HF_SIP_TX_SERVER] =
            {
                [TRYING] = {AGAIN_ = {TRYING, hf_sip_server_absorb},
                            S1XX = {PROCEEDING, hf_sip_server_answer},
                            S2XX = {COMPLETED, hf_sip_server_final}, S3XX = {COMPLETED, hf_sip_server_final},
                            DEADLINE = {ENDED, hf_sip_server_lost}, FAILED = {ENDED, hf_sip_server_lost}},
                [PROCEEDING] = {AGAIN_ = {PROCEEDING, hf_sip_server_again},
                                S1XX = {PROCEEDING, hf_sip_server_answer},
                                S2XX = {COMPLETED, hf_sip_server_final},
                                S3XX = {COMPLETED, hf_sip_server_final},
                                DEADLINE = {ENDED, hf_sip_server_lost}, FAILED = {ENDED, hf_sip_server_lost}},
                [COMPLETED] = {AGAIN_ = {COMPLETED, hf_sip_server_again},
                               DEADLINE = {ENDED, hf_sip_server_end}, FAILED = {ENDED, hf_sip_server_end}},
            },
        [HF_SIP_TX_SERVER_INVITE] =
            {
                [PROCEEDING] = {AGAIN_ = {PROCEEDING, hf_sip_server_again},
                                S1XX = {PROCEEDING, hf_sip_server_answer},
                                S2XX = {ACCEPTED, hf_sip_server_accepted},
                                S3XX = {COMPLETED, hf_sip_server_rejected},
                                CANCEL_ = {PROCEEDING, hf_sip_server_cancelled},
                                DEADLINE = {ENDED, hf_sip_server_lost}, FAILED = {ENDED, hf_sip_server_lost}},
                [COMPLETED] = {AGAIN_ = {COMPLETED, hf_sip_server_again},
                               ACK_ = {CONFIRMED, hf_sip_server_confirmed},
                               CANCEL_ = {COMPLETED, hf_sip_server_cancel_late},
                               REPEAT = {COMPLETED, hf_sip_server_repeat},
                               DEADLINE = {ENDED, hf_sip_server_end}, FAILED = {ENDED, hf_sip_server_end}},
                [CONFIRMED] = {AGAIN_ = {CONFIRMED, hf_sip_server_absorb},
                               ACK_ = {CONFIRMED, hf_sip_server_ack_absorb},
                               CANCEL_ = {CONFIRMED, hf_sip_server_cancel_late},
                               DEADLINE = {ENDED, hf_sip_server_end}, FAILED = {ENDED, hf_sip_server_end}},
                [ACCEPTED] = {AGAIN_ = {ACCEPTED, hf_sip_server_absorb},
                              ACK_ = {ACCEPTED, hf_sip_server_accepted_ack},
                              CANCEL_ = {ACCEPTED, hf_sip_server_cancel_late},
                              REPEAT = {ACCEPTED, hf_sip_server_repeat},
                              DEADLINE = {ENDED, hf_sip_server_accepted_end},
                              FAILED = {ENDED, hf_sip_server_accepted_end}},
            },
};
