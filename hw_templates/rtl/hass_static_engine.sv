// Static dot-product engine: only the products of non-zero weights, which are stored with the index
// of the activation that they meet, N of them a word. A segment with k non-zero weights takes
// exactly max(1, ceil(k / N)) cycles, known offline, back to back; out holds carry + the sum.
//
//   N index multiplexers | N multipliers in DSPs, and the sum
//
// The segment stays at the input until in_ready, so it is stored nowhere else. A word of the weight
// memory is N weights, N indices, and whether it is the segment's last; slots without a weight hold
// zero, and a segment without one has one such word. `step` says that the word is being taken.
// `carry` is the sum of the channels before, wanted in the cycle in which carry_ready is high.
// ready/valid: while out_valid and not out_ready, the whole engine stands still.
// LATENCY = N + 3 (N = 1: 3) enabled cycles from the last word of a segment to its result.
module hass_static_engine #(
    parameter int M = 9,
    parameter int N = 2,
    parameter int ACT_BITS = 16,
    parameter int WEIGHT_BITS = 16,
    parameter int ACC_BITS = 32,
    parameter int INDEX_BITS = M > 1 ? $clog2(M) : 1
) (
    input  logic                     clk,
    input  logic                     rst,
    input  logic                     in_valid,
    output logic                     in_ready,
    input  logic [M*ACT_BITS-1:0]    in_act,
    input  logic [N*WEIGHT_BITS-1:0] weight,
    input  logic [N*INDEX_BITS-1:0]  index,
    input  logic                     weight_last,
    output logic                     step,
    input  logic [ACC_BITS-1:0]      carry,
    output logic                     carry_ready,
    output logic                     out_valid,
    input  logic                     out_ready,
    output logic [ACC_BITS-1:0]      out
);
    logic enable, is_first;
    assign step = enable & in_valid;
    assign in_ready = enable & weight_last;
    always_ff @(posedge clk)
        if (rst) is_first <= 1'b1;
        else if (step) is_first <= weight_last;

    logic [N*ACT_BITS-1:0] act;
    genvar j;
    generate
        for (j = 0; j < N; j = j + 1) begin : operand
            hass_select #(.WORDS(M), .WIDTH(ACT_BITS)) act_select (
                .words(in_act), .index(index[j*INDEX_BITS+:INDEX_BITS]),
                .word(act[j*ACT_BITS+:ACT_BITS]));
        end
    endgenerate
    hass_sum #(
        .N(N), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .ACC_BITS(ACC_BITS)
    ) sum (
        .clk, .rst, .enable, .in_valid, .in_first(is_first), .in_last(weight_last), .act, .weight,
        .start(carry), .start_ready(carry_ready), .out_valid, .out_ready, .out
    );
endmodule
