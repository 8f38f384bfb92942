/* bench/bench_ws_main.c - `holdfast bench ws` as a program of its own, for machines that only generate load. */
#include "bench/bench.h"

int main(int argc, char **argv)
{
    return hf_bench_ws(argc - 1, argv + 1);
}
