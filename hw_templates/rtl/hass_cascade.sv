// Sum of N products along a DSP cascade, with valid and two flags of the control beside it.
//
// The operands of multiplier i are delayed by i cycles, so that each DSP adds its product to the sum
// that its neighbour hands on: no adder in LUTs. LATENCY = N + 1 enabled cycles from operands to sum.
module hass_cascade #(
    parameter int N = 3,
    parameter int ACT_BITS = 16,
    parameter int WEIGHT_BITS = 16,
    parameter int ACC_BITS = 32
) (
    input  logic                          clk,
    input  logic                          rst,
    input  logic                          enable,
    input  logic                          in_valid,
    input  logic                          in_first,
    input  logic                          in_last,
    input  logic [N*ACT_BITS-1:0]         act,
    input  logic [N*WEIGHT_BITS-1:0]      weight,
    output logic                          sum_valid,
    output logic                          sum_first,
    output logic                          sum_last,
    output logic [ACC_BITS-1:0]           sum
);
    localparam int LATENCY = N + 1;
    localparam int DSP_BITS = 48;

    logic signed [DSP_BITS-1:0] partial [0:N];
    assign partial[0] = '0;

    genvar i;
    generate
        for (i = 0; i < N; i = i + 1) begin : multiplier
            logic signed [ACT_BITS-1:0] a;
            logic signed [WEIGHT_BITS-1:0] w;
            hass_delay #(.CYCLES(i), .WIDTH(ACT_BITS)) act_skew (
                .clk, .enable, .in(act[i*ACT_BITS+:ACT_BITS]), .out(a));
            hass_delay #(.CYCLES(i), .WIDTH(WEIGHT_BITS)) weight_skew (
                .clk, .enable, .in(weight[i*WEIGHT_BITS+:WEIGHT_BITS]), .out(w));
            logic signed [ACT_BITS+WEIGHT_BITS-1:0] product;
            logic signed [DSP_BITS-1:0] total;
            always_ff @(posedge clk)
                if (enable) begin
                    product <= a * w;
                    total <= partial[i] + DSP_BITS'(product);
                end
            assign partial[i+1] = total;
        end
    endgenerate
    assign sum = partial[N][ACC_BITS-1:0];

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
