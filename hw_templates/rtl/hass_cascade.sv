// Sum of N products along a DSP cascade, with valid and two flags of the control beside it.
//
// The operands of multiplier i are delayed by i cycles, so that each DSP adds its product to the sum
// that its neighbour hands on: no adder in LUTs.
// SHIFT > 0: a multiplier has two weights, i and N + i, and multiplies by their sum, the second one
// SHIFT bits higher, which the DSP's pre-adder makes in a cycle more.
// LATENCY = N + 2 (SHIFT > 0: N + 3) enabled cycles from operands to sum.
module hass_cascade #(
    parameter int N = 3,
    parameter int ACT_BITS = 16,
    parameter int WEIGHT_BITS = 16,
    parameter int SUM_BITS = 32,
    parameter int SHIFT = 0,
    parameter int WEIGHTS = SHIFT > 0 ? 2 * N : N
) (
    input  logic                           clk,
    input  logic                           rst,
    input  logic                           enable,
    input  logic                           in_valid,
    input  logic                           in_first,
    input  logic                           in_last,
    input  logic [N*ACT_BITS-1:0]          act,
    input  logic [WEIGHTS*WEIGHT_BITS-1:0] weight,
    output logic                           sum_valid,
    output logic                           sum_first,
    output logic                           sum_last,
    output logic [SUM_BITS-1:0]            sum
);
    localparam int LATENCY = SHIFT > 0 ? N + 3 : N + 2;
    localparam int FACTOR_BITS = SHIFT > 0 ? SHIFT + WEIGHT_BITS + 1 : WEIGHT_BITS;
    localparam int DSP_BITS = ACT_BITS + FACTOR_BITS + $clog2(N);  // that the sum can take

    logic signed [DSP_BITS-1:0] partial [0:N];
    assign partial[0] = '0;

    genvar i;
    generate
        for (i = 0; i < N; i = i + 1) begin : multiplier
            logic [ACT_BITS-1:0] late_act;
            logic [WEIGHT_BITS-1:0] late_weight;
            hass_delay #(.CYCLES(i), .WIDTH(ACT_BITS)) act_skew (
                .clk, .enable, .in(act[i*ACT_BITS+:ACT_BITS]), .out(late_act));
            hass_delay #(.CYCLES(i), .WIDTH(WEIGHT_BITS)) weight_skew (
                .clk, .enable, .in(weight[i*WEIGHT_BITS+:WEIGHT_BITS]), .out(late_weight));

            // the DSP's own registers
            logic signed [ACT_BITS-1:0] a, factor_act;
            logic signed [WEIGHT_BITS-1:0] w;
            logic signed [FACTOR_BITS-1:0] factor_weight;
            always_ff @(posedge clk)
                if (enable) begin
                    a <= late_act;
                    w <= late_weight;
                end
            if (SHIFT > 0) begin : shared
                logic [WEIGHT_BITS-1:0] late_weight1;
                logic signed [WEIGHT_BITS-1:0] w1;
                hass_delay #(.CYCLES(i), .WIDTH(WEIGHT_BITS)) weight1_skew (
                    .clk, .enable, .in(weight[(N+i)*WEIGHT_BITS+:WEIGHT_BITS]),
                    .out(late_weight1));
                always_ff @(posedge clk)
                    if (enable) begin
                        w1 <= late_weight1;
                        factor_act <= a;
                        factor_weight <= (FACTOR_BITS'(w1) <<< SHIFT) + FACTOR_BITS'(w);
                    end
            end else begin : alone
                assign factor_act = a;
                assign factor_weight = w;
            end
            logic signed [ACT_BITS+FACTOR_BITS-1:0] product;
            logic signed [DSP_BITS-1:0] total;
            always_ff @(posedge clk)
                if (enable) begin
                    product <= factor_act * factor_weight;
                    total <= partial[i] + DSP_BITS'(product);
                end
            assign partial[i+1] = total;
        end
    endgenerate
    assign sum = SUM_BITS'(partial[N]);

    logic [LATENCY-1:0] valid, first, last;
    always_ff @(posedge clk)
        if (rst) valid <= '0;
        else if (enable) valid <= {valid[LATENCY-2:0], in_valid};
    always_ff @(posedge clk)
        if (enable) begin
            first <= {first[LATENCY-2:0], in_first};
            last <= {last[LATENCY-2:0], in_last};
        end
    assign sum_valid = valid[LATENCY-1];
    assign sum_first = first[LATENCY-1];
    assign sum_last = last[LATENCY-1];
endmodule
