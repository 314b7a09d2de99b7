#!/usr/bin/env python3
"""The transcript runner notices what it is there for: another exit code, other words, missing or additional lines."""

import unittest

import transcripts


def outcome_of(document):
    commands = transcripts.parse(document)
    return list(transcripts.failures(commands, transcripts.run(commands)))


def block(*lines):
    return "text\n```console\n" + "\n".join(lines) + "\n```\n"


class Transcripts(unittest.TestCase):
    def assert_agrees(self, *lines):
        self.assertEqual(outcome_of(block(*lines)), [])

    def assert_noticed(self, word, *lines):
        found = outcome_of(block(*lines))
        self.assertEqual(len(found), 1, found)
        self.assertIn(word, found[0])

    def test_output_as_shown_agrees(self):
        self.assert_agrees("$ echo one; echo two", "one", "two", "$ true")

    def test_numbers_and_column_widths_are_not_compared(self):
        self.assert_agrees("$ echo 'bmc-17   rotated  in 12.25 s'", "bmc-3 rotated in 0.5 s")

    def test_the_order_of_lines_is_not_compared(self):
        self.assert_agrees("$ echo one; echo two", "two", "one")

    def test_dots_stand_for_anything(self):
        self.assert_agrees("$ printf 'a\\nb\\nc\\n'", "...", "c")
        self.assert_agrees("$ echo vault in /var/lib/somewhere made", "vault in ... made")
        self.assert_agrees("$ echo a x; echo a b", "a ...", "a b")

    def test_a_command_with_nothing_below_may_print_anything(self):
        self.assert_agrees("$ echo surprise")

    def test_a_named_exit_code_is_expected(self):
        self.assert_agrees("$ (exit 6)   # exit 6")

    def test_another_exit_code_is_noticed(self):
        self.assert_noticed("exit code 6 instead of 0", "$ (exit 6)")
        self.assert_noticed("exit code 0 instead of 6", "$ true  # exit 6")

    def test_another_word_is_noticed(self):
        self.assert_noticed("other output", "$ echo rotated", "refused")

    def test_a_missing_and_an_additional_line_are_noticed(self):
        self.assert_noticed("other output", "$ echo one", "one", "two")
        self.assert_noticed("other output", "$ echo one; echo two", "one")
        self.assert_noticed("other output", "$ echo one; echo two", "...", "three")
        self.assert_noticed("other output", "$ echo one", "one", "one")

    def test_a_later_command_sees_what_an_earlier_one_did(self):
        self.assert_agrees("$ export GREETING=hello", "$ echo $GREETING", "hello")

    def test_commands_can_be_continued(self):
        self.assert_agrees("$ echo one \\", "> two", "one two")

    def test_other_blocks_are_left_alone(self):
        self.assertEqual(transcripts.parse("```sh\n$ false\n```\n```\n$ false\n```\n"), [])

    def test_a_document_chooses_its_fleet(self):
        self.assertEqual(transcripts.fleet_of("<!-- fleet: --count 1 -->"), ["--count", "1"])
        self.assertEqual(transcripts.fleet_of("none"), transcripts.DEFAULT_FLEET.split())


if __name__ == "__main__":
    unittest.main()
