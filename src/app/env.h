/* app/env.h - the environment as main() was given it: an argument, not a global. */
#ifndef HF_APP_ENV_H
#define HF_APP_ENV_H

/* The value of the first NAME=value, or NULL; env itself may be NULL. */
const char *hf_env_value(char *const *env, const char *name);

#endif
