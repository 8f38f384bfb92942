/* base/err.h - how a call failed. One enum, one table, no drift between code, name and text.
 * Three troubles stay distinct: a peer or the system failed (hf_err), a configured limit was met
 * (HF_ERR_LIMIT, always counted by whoever decides), we are wrong (HF_ASSERT). Library code returns
 * errors and never logs; whoever decides what to do logs, once. */
#ifndef HF_BASE_ERR_H
#define HF_BASE_ERR_H

/* Values appear in logs: append, never renumber. */
#define HF_ERR_MAP(X)                                          \
    X(HF_OK, 0, "ok")                                          \
    X(HF_ERR_NOMEM, -1, "out of memory")                       \
    X(HF_ERR_LIMIT, -2, "configured limit reached")            \
    X(HF_ERR_MALFORMED, -3, "peer broke its protocol")         \
    X(HF_ERR_AGAIN, -4, "not now, try again")                  \
    X(HF_ERR_CLOSED, -5, "closed")                             \
    X(HF_ERR_IO, -6, "input or output failed")                 \
    X(HF_ERR_NOT_FOUND, -7, "not found")                       \
    X(HF_ERR_EXISTS, -8, "exists already")                     \
    X(HF_ERR_INVALID, -9, "invalid argument or configuration") \
    X(HF_ERR_FULL, -10, "no space left on the device")         \
    X(HF_ERR_CORRUPT, -11, "stored data is damaged")           \
    X(HF_ERR_DENIED, -12, "not allowed")                       \
    X(HF_ERR_EXPIRED, -13, "expired")                          \
    X(HF_ERR_TIMEOUT, -14, "took too long")                    \
    X(HF_ERR_UNSUPPORTED, -15, "not supported")                \
    X(HF_ERR_CONFLICT, -16, "conflicts with what is there")    \
    X(HF_ERR_BUSY, -17, "busy")

#define HF_ERR_ENUM(name, value, text) name = value,
typedef enum hf_err { HF_ERR_MAP(HF_ERR_ENUM) } hf_err;
#undef HF_ERR_ENUM

const char *hf_err_name(hf_err err); /* "HF_ERR_LIMIT"; never NULL */
const char *hf_err_text(hf_err err); /* "configured limit reached"; never NULL */

#endif
