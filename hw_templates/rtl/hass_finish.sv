// Adds the biases to the words of a beat and brings them to the output's format; a beat a cycle, in
// two stages. `bias` holds the biases of the beat at the input; `step` says that they are taken.
module hass_finish #(
    parameter int STREAMS = 2,
    parameter int ACC_BITS = 32,
    parameter int ACT_BITS = 16,
    parameter int SHIFT = 8
) (
    input  logic                        clk,
    input  logic                        rst,
    input  logic                        in_valid,
    output logic                        in_ready,
    input  logic [STREAMS*ACC_BITS-1:0] in,
    input  logic                        bias_valid,
    input  logic [STREAMS*ACC_BITS-1:0] bias,
    output logic                        step,
    output logic                        out_valid,
    input  logic                        out_ready,
    output logic [STREAMS*ACT_BITS-1:0] out
);
    logic enable, biased;
    assign enable = !out_valid | out_ready;
    assign in_ready = enable & bias_valid;
    assign step = in_valid & in_ready;
    always_ff @(posedge clk)
        if (rst) begin
            biased <= 1'b0;
            out_valid <= 1'b0;
        end else if (enable) begin
            biased <= step;
            out_valid <= biased;
        end

    genvar s;
    generate
        for (s = 0; s < STREAMS; s = s + 1) begin : stream
            logic [ACC_BITS-1:0] total;
            logic [ACT_BITS-1:0] word, found;
            hass_requantise #(
                .ACC_BITS(ACC_BITS), .ACT_BITS(ACT_BITS), .SHIFT(SHIFT)
            ) requantise (
                .in(total), .out(found));
            always_ff @(posedge clk)
                if (enable) begin
                    total <= in[s*ACC_BITS+:ACC_BITS] + bias[s*ACC_BITS+:ACC_BITS];
                    word <= found;
                end
            assign out[s*ACT_BITS+:ACT_BITS] = word;
        end
    endgenerate
endmodule
