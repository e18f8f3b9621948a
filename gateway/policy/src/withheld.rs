use std::cell::RefCell;

use document::{Fault, Faults, Place};
use exchange::{OperationIndex, Pointer};

use crate::Policies;

/// A part of an answer that some permit withholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withheld<'a> {
    /// What is cut out.
    pub pointer: &'a Pointer,
    /// Where the policy says so.
    pub place: &'a Place,
}

impl Policies {
    /// What the permits of an operation, whoever they permit, may cut out of its answers; nothing for an index that is none.
    pub fn withheld(&self, operation: OperationIndex) -> impl Iterator<Item = Withheld<'_>> {
        let withheld = self.operations.get(operation).map_or(&[][..], |operation| &operation.withheld);
        withheld.iter().map(|(pointer, place)| Withheld { pointer, place })
    }

    /// Holds what the policies withhold against the contract: an answer that lost a required member would break it.
    ///
    /// `required` says where the contract requires the member that a pointer selects (`the answer 200`), or nothing where it
    /// may be missing.
    pub fn check_withheld(&self, required: &dyn Fn(OperationIndex, &Pointer) -> Option<String>, faults: &RefCell<Faults>) {
        for (index, operation) in self.operations.iter().enumerate() {
            for (pointer, place) in &operation.withheld {
                let Some(by) = required(index, pointer) else { continue };
                let message = format!("`{pointer}` cannot be withheld from `{}`: the contract requires it in {by}", operation.id);
                let fault = Fault::error(place.clone(), message);
                faults.borrow_mut().push(fault.hint("make it optional in the contract, or permit fewer operations with this policy"));
            }
        }
    }

    /// Finds pointers that select nothing in any answer of any operation that their policy permits: most often a misspelt
    /// name, and what it was to withhold would be told.
    pub fn check_known(&self, known: &dyn Fn(OperationIndex, &Pointer) -> bool, faults: &RefCell<Faults>) {
        let mut places: Vec<(&Place, &Pointer, bool)> = Vec::new();
        for (index, operation) in self.operations.iter().enumerate() {
            for (pointer, place) in &operation.withheld {
                let found = known(index, pointer);
                match places.iter_mut().find(|(seen, ..)| *seen == place) {
                    Some((.., anywhere)) => *anywhere |= found,
                    None => places.push((place, pointer, found)),
                }
            }
        }
        for (place, pointer, _) in places.into_iter().filter(|(.., anywhere)| !anywhere) {
            let message = format!("`{pointer}` withholds nothing: no answer of the operations that this policy permits has it");
            let hint = "write its place in the answer, such as `/persona/nome`, and `*` for every item: `/persone/*/nome`";
            faults.borrow_mut().push(Fault::error(place.clone(), message).hint(hint));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{OPERATIONS, Trial};

    const POLICIES: &str = "
@withhold(\"/id, /note\") permit (principal, action == Action::\"cercaResidenza\", resource in Tenant::\"comune-x\");
@withhold(\"/id /nota\") permit (principal, action, resource);
";

    #[test]
    fn tells_what_may_be_withheld() {
        let policies = Trial::new().policies(POLICIES);
        let shown = |operation| {
            let withheld = policies.withheld(operation).map(|one| format!("{} {}", one.place, one.pointer));
            withheld.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(shown(0), "p.cedar:2:12 /id, p.cedar:2:17 /note, p.cedar:3:12 /id, p.cedar:3:16 /nota");
        assert_eq!(shown(1), "p.cedar:3:12 /id, p.cedar:3:16 /nota");
        assert_eq!(shown(OPERATIONS.len()), "");
    }

    #[test]
    fn nothing_required_and_nothing_unknown_is_withheld() {
        let policies = Trial::new().policies(POLICIES);
        let faults = RefCell::new(Faults::new());
        let is = |pointer: &Pointer, text: &str| pointer.to_string() == text;
        policies.check_withheld(&|operation, pointer| (operation == 0 && is(pointer, "/id")).then(|| "the answer 200".to_owned()), &faults);
        // `/note` stands in one of the operations only, which is enough for a policy that permits several.
        policies.check_known(&|operation, pointer| is(pointer, "/id") || operation == 0 && is(pointer, "/note"), &faults);
        let shown: Vec<String> = faults.into_inner().sorted().iter().map(ToString::to_string).collect();
        assert_eq!(
            shown.join("\n"),
            "\
p.cedar:2:12: error: `/id` cannot be withheld from `cercaResidenza`: the contract requires it in the answer 200
    hint: make it optional in the contract, or permit fewer operations with this policy
p.cedar:3:12: error: `/id` cannot be withheld from `cercaResidenza`: the contract requires it in the answer 200
    hint: make it optional in the contract, or permit fewer operations with this policy
p.cedar:3:16: error: `/nota` withholds nothing: no answer of the operations that this policy permits has it
    hint: write its place in the answer, such as `/persona/nome`, and `*` for every item: `/persone/*/nome`"
        );
    }
}
