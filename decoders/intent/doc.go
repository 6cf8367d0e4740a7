// Package intent turns the classes of decoders into what a person meant: intents for the caller's interface, the
// summary of a session, and the warnings that belong to an answer.
//
// # Classes to intents
//
// Motor imagery, by ui_mode (synonyms such as left_hand and both_feet are taken for left and feet):
//
//	class   default       wheelchair_nav  cursor         speller          smart_home
//	left    move_left     move_left       cursor_left    select_previous  select_previous
//	right   move_right    move_right      cursor_right   select_next      select_next
//	hands   move_forward  move_forward    cursor_up      select           turn_on
//	feet    move_back     stop            cursor_down    backspace        turn_off
//	tongue  select        move_back       click          space            scene_next
//	rest    rest          rest            rest           rest             rest
//
// P300: a letter is letter_H, a digit digit_5, the space space, the erase symbol backspace, any other single
// character symbol_?, a longer symbol select_ and the symbol; rows, columns and codes are select_row_3,
// select_column_2 and select_7; a single epoch is target or non_target. SSVEP: the label of the target as the caller wrote it, or the decoder's label
// of a frequency, such as freq_13.00hz; no_target when the person looked at none. Seizure check: possible_seizure or
// no_seizure_pattern.
//
// The caller's own map (context.intents) goes before all of these. Its keys are the decoder's class, the class in
// the table, or the intent that would be given without it.
//
// # Invariants
//
//   - Every class gets exactly one intent, and the confidences of a ranking sum to 1.
//   - A ui_mode that is not known is treated as the default.
//   - Nothing here depends on anything but its arguments.
package intent
