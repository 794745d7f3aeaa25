// Sum of products over the cycles of a segment: N multipliers, and an accumulator that begins each
// segment with `start` and says when the segment is complete.
//
// N = 1: the DSP that multiplies also accumulates. N > 1: a DSP cascade adds up the products of a
// cycle, and one adder in LUTs the cycles.
// LATENCY = 2 enabled cycles from the last operands to the result for N = 1, else N + 2.
module hass_sum #(
    parameter int N = 3,
    parameter int ACT_BITS = 16,
    parameter int WEIGHT_BITS = 16,
    parameter int ACC_BITS = 32
) (
    input  logic                     clk,
    input  logic                     rst,
    input  logic                     enable,
    input  logic                     in_valid,
    input  logic                     in_first,
    input  logic                     in_last,
    input  logic [N*ACT_BITS-1:0]    act,
    input  logic [N*WEIGHT_BITS-1:0] weight,
    input  logic [ACC_BITS-1:0]      start,
    output logic                     start_ready,  // start is taken in this cycle
    output logic                     out_valid,
    output logic [ACC_BITS-1:0]      out
);
    localparam int DSP_BITS = 48;
    logic sum_valid, sum_first, sum_last;
    assign start_ready = enable & sum_valid & sum_first;
    always_ff @(posedge clk)
        if (rst) out_valid <= 1'b0;
        else if (enable) out_valid <= sum_valid & sum_last;

    generate
        if (N == 1) begin : in_dsp
            logic signed [ACT_BITS-1:0] a;
            logic signed [WEIGHT_BITS-1:0] w;
            logic signed [ACT_BITS+WEIGHT_BITS-1:0] product;
            logic signed [DSP_BITS-1:0] base, total;
            assign a = act;
            assign w = weight;
            always_ff @(posedge clk)
                if (rst) sum_valid <= 1'b0;
                else if (enable) sum_valid <= in_valid;
            always_ff @(posedge clk)
                if (enable) begin
                    product <= a * w;
                    sum_first <= in_first;
                    sum_last <= in_last;
                end
            assign base = sum_first ? {{(DSP_BITS - ACC_BITS){start[ACC_BITS-1]}}, start} : total;
            always_ff @(posedge clk)
                if (enable & sum_valid) total <= base + DSP_BITS'(product);
            assign out = total[ACC_BITS-1:0];
        end else begin : in_luts
            logic [ACC_BITS-1:0] cycle_sum;
            hass_cascade #(
                .N(N), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .ACC_BITS(ACC_BITS)
            ) cascade (
                .clk, .rst, .enable, .in_valid, .in_first, .in_last, .act, .weight,
                .sum_valid, .sum_first, .sum_last, .sum(cycle_sum)
            );
            always_ff @(posedge clk)
                if (enable & sum_valid) out <= (sum_first ? start : out) + cycle_sum;
        end
    endgenerate
endmodule
