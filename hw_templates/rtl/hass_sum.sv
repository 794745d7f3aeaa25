// Sum of products over the cycles of a segment: N multipliers, and an accumulator that begins each
// segment with `start` and offers the sum when the segment is complete.
//
// N = 1: the DSP that multiplies also accumulates. N > 1: a DSP cascade adds up the products of a
// cycle, and one adder in LUTs the cycles.
// LATENCY = 3 enabled cycles from the last operands to the result for N = 1, else N + 3.
module hass_sum #(
    parameter int N = 3,
    parameter int ACT_BITS = 16,
    parameter int WEIGHT_BITS = 16,
    parameter int ACC_BITS = 32
) (
    input  logic                     clk,
    input  logic                     rst,
    output logic                     enable,  // false: everything stands still
    input  logic                     in_valid,
    input  logic                     in_first,
    input  logic                     in_last,
    input  logic [N*ACT_BITS-1:0]    act,
    input  logic [N*WEIGHT_BITS-1:0] weight,
    input  logic [ACC_BITS-1:0]      start,
    output logic                     start_ready,  // start is taken in this cycle
    output logic                     out_valid,
    input  logic                     out_ready,
    output logic [ACC_BITS-1:0]      out
);
    localparam int DSP_BITS = 48;
    assign enable = !out_valid | out_ready;

    logic sum_valid, sum_first, sum_last;
    assign start_ready = enable & sum_valid & sum_first;
    always_ff @(posedge clk)
        if (rst) out_valid <= 1'b0;
        else if (enable) out_valid <= sum_valid & sum_last;

    generate
        if (N == 1) begin : in_dsp
            logic [1:0] valid, first, last;
            logic signed [ACT_BITS-1:0] a;
            logic signed [WEIGHT_BITS-1:0] w;
            logic signed [ACT_BITS+WEIGHT_BITS-1:0] product;
            logic signed [DSP_BITS-1:0] base, total;
            always_ff @(posedge clk)
                if (rst) valid <= '0;
                else if (enable) valid <= {valid[0], in_valid};
            always_ff @(posedge clk)
                if (enable) begin
                    a <= act;
                    w <= weight;
                    product <= a * w;
                    first <= {first[0], in_first};
                    last <= {last[0], in_last};
                end
            assign sum_valid = valid[1];
            assign sum_first = first[1];
            assign sum_last = last[1];
            assign base = sum_first ? {{(DSP_BITS - ACC_BITS){start[ACC_BITS-1]}}, start} : total;
            always_ff @(posedge clk)
                if (enable & sum_valid) total <= base + DSP_BITS'(product);
            assign out = total[ACC_BITS-1:0];
        end else begin : in_luts
            logic [ACC_BITS-1:0] cycle_sum;
            hass_cascade #(
                .N(N), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .SUM_BITS(ACC_BITS)
            ) cascade (
                .clk, .rst, .enable, .in_valid, .in_first, .in_last, .act, .weight,
                .sum_valid, .sum_first, .sum_last, .sum(cycle_sum)
            );
            logic [ACC_BITS-1:0] total;
            hass_add #(.WIDTH(ACC_BITS)) add (
                .x(cycle_sum), .y(sum_first ? start : out), .carry(1'b0), .sum(total));
            always_ff @(posedge clk) if (enable & sum_valid) out <= total;
        end
    endgenerate
endmodule
