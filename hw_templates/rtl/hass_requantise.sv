// An accumulator's word in the output's format: shifted by SHIFT bits to the right, rounded half up
// (to the left where SHIFT is negative), and held at the ends of the format.
module hass_requantise #(
    parameter int ACC_BITS = 32,
    parameter int ACT_BITS = 16,
    parameter int SHIFT = 8
) (
    input  logic signed [ACC_BITS-1:0] in,
    output logic signed [ACT_BITS-1:0] out
);
    localparam int RIGHT = SHIFT > ACC_BITS ? ACC_BITS : SHIFT;  // as far, all is zero
    localparam int LEFT = -SHIFT > ACT_BITS ? ACT_BITS : -SHIFT;  // as far, all is out of range
    localparam int BITS = (ACC_BITS > ACT_BITS ? ACC_BITS : ACT_BITS) + 1 + (LEFT > 0 ? LEFT : 0);
    localparam logic signed [BITS-1:0] HIGH = (BITS'(1) << (ACT_BITS - 1)) - BITS'(1);
    localparam logic signed [BITS-1:0] LOW = -HIGH - BITS'(1);

    logic signed [BITS-1:0] wide, shifted;
    assign wide = BITS'(in);
    generate
        if (RIGHT > 0) begin : rounded
            logic signed [BITS-1:0] raised;
            assign raised = wide + $signed(BITS'(1) << (RIGHT - 1));
            assign shifted = raised >>> RIGHT;
        end else begin : exact
            assign shifted = wide <<< LEFT;
        end
    endgenerate
    assign out = shifted > HIGH ? ACT_BITS'(HIGH) : shifted < LOW ? ACT_BITS'(LOW)
        : ACT_BITS'(shifted);
endmodule
