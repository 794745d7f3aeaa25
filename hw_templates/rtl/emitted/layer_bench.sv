// Feeds a layer with windows and compares every sum, every output word, and the cycle in which each
// window begins. A window more than is compared follows the last, so that its cycles are seen too.
//
// Files in FOLDER, words in hexadecimal, one a line: windows.hex, sums.hex (accumulators before the
// bias), words.hex, begins.hex (modelled cycle in which the last lane begins each window, from that
// of the first window on).
// EXACT = 0: lanes run ahead of each other; the model's cycles are then no less than the hardware's,
// and only the last is printed. With +stall the input comes and the output is taken at random;
// values are compared, cycles are not.
module layer_bench #(
    parameter NAME = "layer",
    parameter FOLDER = "rtl/tb/data/layer/",
    parameter int LANES = 1,
    parameter int IN_BITS = 8,
    parameter int SUM_BITS = 32,
    parameter int OUT_BITS = 8,
    parameter int WINDOWS = 1,  // that are compared
    parameter int RESULTS = 1,  // beats at the output
    parameter int WORDS = 1,  // of a beat
    parameter int EXACT = 1,
    parameter int LIMIT = 1000  // cycles after which nothing more is waited for
) (
    output logic                clk,
    output logic                rst,
    input  logic                is_loaded,
    output logic                in_valid,
    input  logic                in_ready,
    output logic [IN_BITS-1:0]  in,
    input  logic                sums_valid,
    input  logic                sums_ready,
    input  logic [SUM_BITS-1:0] sums,
    input  logic                out_valid,
    output logic                out_ready,
    input  logic [OUT_BITS-1:0] out,
    input  logic [LANES-1:0]    starts
);
    logic [IN_BITS-1:0] windows [0:WINDOWS];
    logic [SUM_BITS-1:0] expected_sums [0:RESULTS-1];
    logic [OUT_BITS-1:0] expected_words [0:RESULTS-1];
    logic [31:0] begins [0:WINDOWS];

    int cycle = 0;
    int given = 0;  // windows that were taken
    int next;  // window that is offered next
    int sums_seen = 0;
    int words_seen = 0;
    int mismatches = 0;
    int begun = 0;  // windows that all lanes have begun
    int first = 0;  // cycle of the first
    int took = 0;  // cycles from then on
    int wrong_cycles = 0;  // windows that began in another cycle than modelled
    int lane_begun [0:LANES-1];
    bit is_stalling, all_begun;

    initial begin
        clk = 1'b0;
        rst = 1'b1;
        in_valid = 1'b0;
        out_ready = 1'b0;
        is_stalling = $test$plusargs("stall") != 0;
        for (int l = 0; l < LANES; l = l + 1) lane_begun[l] = 0;
        $readmemh({FOLDER, "windows.hex"}, windows);
        $readmemh({FOLDER, "sums.hex"}, expected_sums);
        $readmemh({FOLDER, "words.hex"}, expected_words);
        $readmemh({FOLDER, "begins.hex"}, begins);
        forever #5 clk = !clk;
    end

    assign in = windows[given > WINDOWS ? WINDOWS : given];
    assign next = in_valid ? given + 1 : given;
    always @(posedge clk) begin
        cycle <= cycle + 1;
        rst <= cycle < 4;
        out_ready <= !is_stalling || $urandom_range(2) != 0;
        if (rst || !is_loaded) in_valid <= 1'b0;
        else if (!in_valid || in_ready) begin
            given <= next;
            in_valid <= next <= WINDOWS && (!is_stalling || $urandom_range(2) != 0);
        end
    end

    // what is there before the edge
    always @(posedge clk) begin
        if (sums_valid & sums_ready & !rst) begin
            if (sums_seen < RESULTS && sums !== expected_sums[sums_seen])
                mismatches = mismatches + 1;
            sums_seen = sums_seen + 1;
        end
        if (out_valid & out_ready & !rst) begin
            if (words_seen < RESULTS && out !== expected_words[words_seen])
                mismatches = mismatches + 1;
            words_seen = words_seen + 1;
        end
        all_begun = !rst;
        for (int l = 0; l < LANES; l = l + 1) begin
            if (starts[l] & !rst) lane_begun[l] = lane_begun[l] + 1;
            all_begun = all_begun && lane_begun[l] > begun;
        end
        if (all_begun && begun <= WINDOWS) begin
            if (begun == 0) first = cycle;
            took = cycle - first;
            if (took != begins[begun]) wrong_cycles = wrong_cycles + 1;
            begun = begun + 1;
        end
        if ((words_seen >= RESULTS && begun > WINDOWS) || cycle > LIMIT) begin
            $write("%0s: %0d words and their sums compared, %0d of %0d beats differ", NAME,
                RESULTS * WORDS, mismatches, 2 * RESULTS);
            if (!is_stalling)
                $write("; %0d windows took %0d cycles, modelled %0d", WINDOWS, took, begins[WINDOWS]);
            $write("\n");
            if (words_seen < RESULTS || begun <= WINDOWS)
                $fatal(1, "%0s: words are missing after %0d cycles", NAME, cycle);
            if (mismatches != 0) $fatal(1, "%0s: wrong words", NAME);
            if (!is_stalling && EXACT != 0 && wrong_cycles != 0)
                $fatal(1, "%0s: %0d windows did not begin in the modelled cycle", NAME, wrong_cycles);
            if (!is_stalling && took > begins[WINDOWS])
                $fatal(1, "%0s: slower than modelled", NAME);
            $finish;
        end
    end
endmodule
