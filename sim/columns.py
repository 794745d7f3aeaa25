"""Names of the columns of the simulator's tables, and of its codes."""

from __future__ import annotations

UNKNOWN = -1  # a time that depends on one not computed yet
ALWAYS = -2  # instead of a time: nothing has to come before

# kinds of actor
STEPS, WINDOW, ENGINE = range(3)
INPUT_PORTS = 62  # at most, of an actor
WRITE_BIT = 1 << INPUT_PORTS  # of a program's step; the bits below it are input ports

# columns of ``actors``
(
    KIND,
    TOTAL_STEPS,  # of all frames
    FRAME_STEPS,
    LATENCY,  # cycles from a write until it can be read, at least 1
    PROGRAM,  # STEPS: offset of the program
    PROGRAM_LENGTH,  # a divisor of FRAME_STEPS
    PACE_CYCLES,  # STEPS: cycles per ...
    PACE_BEATS,  # ... so many steps at the least; 0 cycles: as fast as it goes
    PARTNER,  # WINDOW, ENGINE: the other of the two
    TABLE,  # WINDOW, ENGINE: offset in ``positions``
    RING_OFFSET,  # WINDOW, ENGINE: ring in ``done_times``
    RING_MASK,
    BEATS_PER_FRAME,  # WINDOW
    BEATS_PER_PIXEL,
    CAPACITY_BEATS,
    POSITIONS,  # ENGINE: output positions per frame
    ROUNDS,  # groups that are worked on one after the other
    BLOCKS,  # windows that are summed
    FILTERS,  # segments of a lane per window
    PACKED,  # beats of a window that come anew
    LANES,
    LANE_OFFSET,  # in ``lane_times``
    AHEAD,  # windows that a lane may be ahead of the slowest; 1: lockstep
    CYCLES,  # of a segment, where not drawn
    DRAWN,  # row in ``Work.engines``, or -1
    SCHEDULE,  # offset of the cycles of a position's windows in ``Work.numbers``, or -1
    WHOLE,  # WINDOW, ENGINE: 1: whole pixels wait for whole positions, not block by block
) = range(27)
ACTOR_COLUMNS = 27

# columns of ``state``
(
    STEP,  # steps done
    PHASE,  # steps done of the present frame
    SUB,  # ENGINE: filters done of the present window
    LAST_TIME,  # of the latest step
    FIRST_OUT,  # when the first beat left the block
    BUSY,  # cycles at work; of an ENGINE's lanes waiting for each other and for windows included
    FILL,  # ENGINE: of BUSY, what came before the first window
    ALONE,  # WINDOW: when the latest beat would have come if it waited for the engine alone
    INPUT_STALL,
    OUTPUT_STALL,
    WAITS_SIDE,
    WAITS_FIFO,
) = range(12)
STATE_COLUMNS = 12
NOT_WAITING, WAITS_INPUT, WAITS_OUTPUT, WAITS_PARTNER = range(4)

# columns of ``fifos``
WRITE_WORDS, READ_WORDS, CAPACITY_WORDS, OFFSET, MASK = range(5)
FIFO_COLUMNS = 5

# columns of ``fifo_state``
(
    WRITTEN,
    READ,
    SEEN_WRITES,
    SEEN_READS,
    HELD_WORDS,
    PEAK_WORDS,
    INTERVAL_CYCLES,  # of ``held_peaks`` and ``held_last``
) = range(7)
FIFO_STATE_COLUMNS = 7

# columns of ``Work.engines``
(
    FROM_MASKS,  # 1: masks of real frames; 0: drawn from a distribution
    LANES_OUT,  # lanes that share a window
    LANES_IN,
    WINDOWS,  # of a lane per position (rounds * blocks)
    WINDOW_FILTERS,
    CYCLE_TABLE,  # masks: offset of cycles per number of active products
    SAMPLE,  # drawn: offset of (positions, windows, lanes in, filters) cycles in parts of CYCLE
    SAMPLE_POSITIONS,  # drawn: of the sample
    SAMPLE_FILTERS,  # drawn: of the sample
    OWN_FILTERS,  # drawn: offset of (windows, lanes in, lanes out, filters) filter of the sample
    ROUNDING,  # drawn: parts of a cycle that are added before they are dropped
    ORDER,  # drawn: offset of the sample's positions in the order in which they come
    TURN,  # drawn: of the order
    STAY,  # drawn: positions for which one of the sample stays, in parts of CYCLE
    STAYS,  # drawn: positions for which the present one will stay
    PRODUCTS,  # M
    ACT_MASKS,  # masks: offset of (frames, positions, windows, lanes in)
    WEIGHT_MASKS,  # masks: offset of (windows, lanes in, lanes out, filters)
    MASK_WINDOWS,  # masks: windows of all frames that there are masks of
    PRESENT,  # where the present window is: its first cycles or mask
    PRESENT_POSITION,  # drawn: of the sample
    PRESENT_WINDOW,  # number of the present window in its position
    SEED_A,
    SEED_B,
) = range(24)
WORK_COLUMNS = 24
