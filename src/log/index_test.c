/* The index by itself, and the bounds that no real log reaches in a test. */
#include "log/index.h"
#include "log/log_fixture.h"
#include "log/log_internal.h"

static struct hf_log_head head_of(uint64_t offset, uint32_t body_bytes, uint32_t key)
{
    return (struct hf_log_head){
        .offset = offset, .time_ms = offset * 10, .body_bytes = body_bytes, .key = key};
}

/* One record a block. */
static void fill(struct hf_log_index *index, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct hf_log_head head = head_of(index->end_offset, HF_LOG_BLOCK_BYTES, (uint32_t)i % 100 + 1);

        assert_int_equal(hf_log_index_add(index, index->end_position, &head), HF_OK);
    }
}

static void survives_its_file(void **state)
{
    struct hf_log_index index, copy;
    size_t bytes;
    uint8_t *encoded;

    (void)state;
    hf_log_index_init(&index, 7, 60);
    hf_log_index_init(&copy, 1, 0);
    fill(&index, 100);
    bytes = hf_log_index_encoded_bytes(&index);
    encoded = malloc(bytes);
    hf_log_index_encode(&index, 42, encoded);
    assert_int_equal(hf_log_index_decode(&copy, 42, encoded, bytes), HF_OK);
    assert_int_equal(copy.first_offset, 7);
    assert_int_equal(copy.end_offset, 107);
    assert_int_equal(copy.end_position, index.end_position);
    assert_int_equal(copy.block_count, index.block_count);
    assert_int_equal(copy.time_max_ms, index.time_max_ms);
    assert_memory_equal(copy.blocks, index.blocks, index.block_count * sizeof(*index.blocks));
    assert_int_equal(hf_log_index_decode(&copy, 43, encoded, bytes), HF_ERR_CORRUPT); /* of another log */
    for (size_t cut = 0; cut < bytes; cut += cut < 60 ? 1 : 997)
        assert_int_equal(hf_log_index_decode(&copy, 42, encoded, cut), HF_ERR_CORRUPT);
    for (size_t i = 0; i < bytes; i += i < 60 ? 1 : 997) {
        encoded[i] ^= 4;
        assert_int_equal(hf_log_index_decode(&copy, 42, encoded, bytes), HF_ERR_CORRUPT);
        encoded[i] ^= 4;
    }
    free(encoded);
    hf_log_index_deinit(&index);
    hf_log_index_deinit(&copy);
}

static void above_its_bound_the_last_block_grows(void **state)
{
    struct hf_log_index index;
    struct hf_log_head head;
    struct hf_log_seek seek;

    (void)state;
    hf_log_index_init(&index, 1, 0);
    fill(&index, HF_LOG_INDEX_BLOCKS_MAX + 50);
    assert_int_equal(index.block_count, HF_LOG_INDEX_BLOCKS_MAX);
    head = head_of(index.end_offset, 100, 5000);
    assert_int_equal(hf_log_index_add(&index, index.end_position, &head), HF_OK);
    seek = hf_log_index_seek_key(&index, HF_LOG_SEGMENT_HEAD_BYTES, 5000);
    assert_true(seek.offset <=
                HF_LOG_INDEX_BLOCKS_MAX); /* at the latest the last block, which has the rest */
    assert_int_equal(hf_log_index_seek_offset(&index, head.offset).offset, HF_LOG_INDEX_BLOCKS_MAX);
    assert_int_equal(hf_log_index_seek_offset(&index, head.offset + 1).position, index.end_position);
    assert_int_equal(hf_log_index_seek_time(&index, UINT64_MAX).position, index.end_position);
    hf_log_index_deinit(&index);
}

static void an_empty_index_has_nothing(void **state)
{
    struct hf_log_index index;

    (void)state;
    hf_log_index_init(&index, 5, 0);
    assert_int_equal(hf_log_index_seek_key(&index, HF_LOG_SEGMENT_HEAD_BYTES, 1).offset, 5);
    assert_int_equal(hf_log_index_seek_offset(&index, 3).position, HF_LOG_SEGMENT_HEAD_BYTES);
    assert_int_equal(hf_log_index_seek_time(&index, 3).offset, 5);
}

static void keys_keep_their_promise(void **state)
{
    (void)state;
    assert_int_equal(hf_log_key(0), 0);
    assert_int_equal(hf_log_key(0x100000001), 1); /* folds to 0, which means none */
    assert_int_not_equal(hf_log_key(1), 0);
}

static void too_many_segments_are_refused(void **state)
{
    struct hf_log_segments segments = {0};

    (void)state;
    for (uint64_t i = 0; i < HF_LOG_SEGMENTS_MAX; i++)
        assert_int_equal(hf_log_segments_push(&segments, (struct hf_log_segment){.first_offset = i * 10 + 1}),
                         HF_OK);
    assert_int_equal(hf_log_segments_push(&segments, (struct hf_log_segment){0}), HF_ERR_LIMIT);
    assert_int_equal(hf_log_segments_find(&segments, 0), 0);
    assert_int_equal(hf_log_segments_find(&segments, 10), 0);
    assert_int_equal(hf_log_segments_find(&segments, 11), 1);
    assert_int_equal(hf_log_segments_find(&segments, UINT64_MAX), HF_LOG_SEGMENTS_MAX - 1);
    free(segments.at);
}

static void a_group_that_is_too_large_is_refused(void **state)
{
    struct fixture f;
    enum { BATCHES = 9 };
    struct hf_log_batch *batches[BATCHES];
    uint64_t first_offset;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    for (int i = 0; i < BATCHES; i++)
        batches[i] = &f.batch;
    fixture_fill(&f, 200, 0);
    f.batch.bytes = FIXTURE_BATCH_BYTES; /* it is refused before it is read */
    assert_int_equal(hf_log_append(f.log, batches, BATCHES, 1, &first_offset), HF_ERR_LIMIT);
    assert_int_equal(fixture_write_state(&f), HF_OK);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_its_file),
        cmocka_unit_test(above_its_bound_the_last_block_grows),
        cmocka_unit_test(an_empty_index_has_nothing),
        cmocka_unit_test(keys_keep_their_promise),
        cmocka_unit_test(too_many_segments_are_refused),
        cmocka_unit_test(a_group_that_is_too_large_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
