use super::*;

#[test]
fn what_is_no_pattern_is_told_by_what_of_it_is_not() {
    for (pattern, expected) in [
        ("(?=a)", "it looks ahead or behind"),
        ("a(?!b)", "it looks ahead or behind"),
        ("(?<=a)b", "it looks ahead or behind"),
        ("(?<!a)b", "it looks ahead or behind"),
        ("(a)\\1", "it refers back to what a group matched"),
        ("(?<n>a)\\k<n>", "it refers back to what a group matched"),
        ("(?i)a", "`(?i` begins no group"),
        ("(?i:a)", "`(?i` begins no group"),
        ("(?x) a", "`(?x` begins no group"),
        ("(?P<n>a)", "`(?P` begins no group"),
        ("(?P=n)", "`(?P` begins no group"),
        ("(?'n'a)", "`(?'` begins no group"),
        ("(?#a)", "`(?#` begins no group"),
        ("(?>a)", "`(?>` begins no group"),
        ("(?", "`(?` begins no group"),
        ("(?<1>a)", "`(?<` begins no group"),
        ("(?<>a)", "`(?<` begins no group"),
        ("(?<n", "`(?<` begins no group"),
        ("\\Aa", "`\\A` is no escape"),
        ("a\\z", "`\\z` is no escape"),
        ("a\\Z", "`\\Z` is no escape"),
        ("\\h", "`\\h` is no escape"),
        ("\\a", "`\\a` is no escape"),
        ("\\e", "`\\e` is no escape"),
        ("\\Qa\\E", "`\\Q` is no escape"),
        ("\\x{41}", "`\\x` is no escape"),
        ("\\x4", "`\\x` is no escape"),
        ("\\u123", "`\\u` is no escape"),
        ("\\u{110000}", "`\\u` is no escape"),
        ("\\u{}", "`\\u` is no escape"),
        ("\\U0001F600", "`\\U` is no escape"),
        ("\\01", "`\\0` is no escape"),
        ("[\\1]", "`\\1` is no escape"),
        ("[\\B]", "`\\B` is no escape"),
        ("\\c1", "`\\c` is no escape"),
        ("\\pL", "`\\p{}` is no property of characters"),
        ("\\p{Greek}", "`\\p{Greek}` is no property of characters"),
        ("\\p{lu}", "`\\p{lu}` is no property of characters"),
        ("\\p{^L}", "`\\p{^L}` is no property of characters"),
        ("\\p{Script=Elvish}", "`\\p{Script=Elvish}` is no property of characters"),
        ("\\p{Age=6.0}", "`\\p{Age=6.0}` is no property of characters"),
        ("[[:alpha:]]", "a class stands in a class"),
        ("[[:alpha:]_]", "a class stands in a class"),
        ("[a-z&&[^b]]", "a class stands in a class"),
        ("[z-a]", "the range `z-a` ends before it begins"),
        ("[a--]", "the range `a--` ends before it begins"),
        ("*a", "`*` has nothing to repeat"),
        ("a|+", "`+` has nothing to repeat"),
        ("a**", "`*` has nothing to repeat"),
        ("a*+", "`+` has nothing to repeat"),
        ("a{2}{3}", "`{3}` has nothing to repeat"),
        ("^*", "`*` has nothing to repeat"),
        ("\\b+", "`+` has nothing to repeat"),
        ("(?)", "`(?)` begins no group"),
        ("x{,3}", "`{,3}` is no repetition"),
        ("x{3,2}", "`{3,2}` is no repetition"),
        ("x{ 2 }{2", "`{2` is no repetition"),
        ("x{2,3,4}", "`{2,3,4}` is no repetition"),
        ("x{1a}", "`{1a}` is no repetition"),
        ("(a", "a group is not closed, or never opened"),
        ("a)", "a group is not closed, or never opened"),
        ("[a", "a class is not closed, or never opened"),
        ("a\\", "an escape is not closed, or never opened"),
        ("x{99999999999}", "it would take too much memory"),
        ("(x{1000}){1000}", "it would take too much memory"),
    ] {
        let fault = usable(pattern).expect_err(pattern);
        assert_eq!(fault.to_string(), expected, "{pattern}");
        assert!(!fault.hint().is_empty());
    }
}

#[test]
fn what_both_read_alike_stays_as_it_is() {
    for pattern in ["^[0-9]{5}$", "^(a|b)+$", "^[A-Za-z0-9]*(?:ab)?$", "^[ +/=@#]{1,}$", "à", "a\\.b\\$", "", "^a-b$"] {
        assert_eq!(translate(pattern).as_deref(), Ok(pattern));
    }
}
