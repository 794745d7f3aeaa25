// Puts the words of a beat in order: word s is the one that stands at `place` s of the beat at the
// input; a beat a cycle, with a register. `step` says that the places are taken.
module hass_exchange #(
    parameter int STREAMS = 4,
    parameter int BITS = 16,
    parameter int PLACE_BITS = STREAMS > 1 ? $clog2(STREAMS) : 1
) (
    input  logic                          clk,
    input  logic                          rst,
    input  logic                          in_valid,
    output logic                          in_ready,
    input  logic [STREAMS*BITS-1:0]       in,
    input  logic                          place_valid,
    input  logic [STREAMS*PLACE_BITS-1:0] place,
    output logic                          step,
    output logic                          out_valid,
    input  logic                          out_ready,
    output logic [STREAMS*BITS-1:0]       out
);
    logic enable;
    assign enable = !out_valid | out_ready;
    assign in_ready = enable & place_valid;
    assign step = in_valid & in_ready;
    always_ff @(posedge clk)
        if (rst) out_valid <= 1'b0;
        else if (enable) out_valid <= step;

    genvar s;
    generate
        for (s = 0; s < STREAMS; s = s + 1) begin : stream
            logic [BITS-1:0] chosen, word;
            hass_select #(.WORDS(STREAMS), .WIDTH(BITS)) select (
                .words(in), .index(place[s*PLACE_BITS+:PLACE_BITS]), .word(chosen));
            always_ff @(posedge clk) if (enable) word <= chosen;
            assign out[s*BITS+:BITS] = word;
        end
    endgenerate
endmodule
