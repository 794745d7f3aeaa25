// As hass_weights, in UltraRAM, which no bitstream fills on UltraScale+ parts: after each reset the
// words are loaded from the first to the last, one in each cycle with `load`, before work begins.
module hass_loaded_weights #(
    parameter int DEPTH = 4096,
    parameter int WIDTH = 72
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             load,
    input  logic [WIDTH-1:0] load_word,
    input  logic             step,
    output logic             valid,
    output logic [WIDTH-1:0] word
);
    localparam int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;

    logic is_loaded, read;
    logic [ADDRESS_BITS-1:0] address;
    assign read = is_loaded & (step | !valid);
    always_ff @(posedge clk)
        if (rst) valid <= 1'b0;
        else if (is_loaded) valid <= 1'b1;
    hass_counter #(.SIZE(DEPTH)) addresses (
        .clk, .rst, .step(read), .value(address), .last());
    hass_loaded_lookup #(.DEPTH(DEPTH), .WIDTH(WIDTH)) words (
        .clk, .rst, .load, .load_word, .loaded(is_loaded), .read, .address, .word);
endmodule
