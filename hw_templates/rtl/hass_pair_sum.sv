// Sums of two filters over the cycles of a segment, both from the same N multipliers.
//
// Each multiplies its activation a by (w1 << SHIFT) + w0, which makes a * w0 the lower SHIFT bits of
// the product and a * w1 the upper ones, less 1 where the lower ones are negative. Sums of such
// products are told apart in the same way, as long as the lower one fits: N * 2**(ACT_BITS +
// WEIGHT_BITS - 2) < 2**(SHIFT - 1). The operand that holds both weights has SHIFT + WEIGHT_BITS + 1
// bits, 27 on a DSP48E2: SHIFT = 18 at 8 bits, and N up to 7.
// LATENCY = N + 4 enabled cycles from the last operands to the result.
module hass_pair_sum #(
    parameter int N = 3,
    parameter int ACT_BITS = 8,
    parameter int WEIGHT_BITS = 8,
    parameter int ACC_BITS = 32,
    parameter int SHIFT = 18
) (
    input  logic                       clk,
    input  logic                       rst,
    output logic                       enable,  // false: everything stands still
    input  logic                       in_valid,
    input  logic                       in_first,
    input  logic                       in_last,
    input  logic [N*ACT_BITS-1:0]      act,
    input  logic [2*N*WEIGHT_BITS-1:0] weight,
    input  logic [2*ACC_BITS-1:0]      start,
    output logic                       start_ready,  // start is taken in this cycle
    output logic                       out_valid,
    input  logic                       out_ready,
    output logic [2*ACC_BITS-1:0]      out
);
    localparam int DSP_BITS = 48;
    assign enable = !out_valid | out_ready;

    logic sum_valid, sum_first, sum_last;
    logic [DSP_BITS-1:0] both;
    hass_cascade #(
        .N(N), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .SUM_BITS(DSP_BITS), .SHIFT(SHIFT)
    ) cascade (
        .clk, .rst, .enable, .in_valid, .in_first, .in_last, .act, .weight,
        .sum_valid, .sum_first, .sum_last, .sum(both)
    );
    assign start_ready = enable & sum_valid & sum_first;
    always_ff @(posedge clk)
        if (rst) out_valid <= 1'b0;
        else if (enable) out_valid <= sum_valid & sum_last;

    logic is_negative;  // the lower sum, which then has borrowed 1 from the upper one
    logic [ACC_BITS-1:0] lower, upper;
    logic [2*ACC_BITS-1:0] base, total;
    assign is_negative = both[SHIFT-1];
    assign lower = ACC_BITS'($signed(both[SHIFT-1:0]));
    assign upper = ACC_BITS'($signed(both[DSP_BITS-1:SHIFT]));
    assign base = sum_first ? start : out;
    hass_add #(.WIDTH(ACC_BITS)) add0 (
        .x(lower), .y(base[ACC_BITS-1:0]), .carry(1'b0), .sum(total[ACC_BITS-1:0]));
    hass_add #(.WIDTH(ACC_BITS)) add1 (
        .x(upper), .y(base[2*ACC_BITS-1:ACC_BITS]), .carry(is_negative),
        .sum(total[2*ACC_BITS-1:ACC_BITS]));
    always_ff @(posedge clk) if (enable & sum_valid) out <= total;
endmodule
