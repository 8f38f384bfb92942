/* bench/gb/bench_gb_main.c - `holdfast bench gb` as a program of its own, for machines that only generate load. */
#include "bench/gb/load.h"

int main(int argc, char **argv)
{
    return hf_bench_gb(argc - 1, argv + 1);
}
