//! Who calls whom.

/// The functions that `root` leads to, in groups that lead to each other; who is called comes before who calls
/// (R. Tarjan, *Depth-first search and linear graph algorithms*, 1972).
pub(super) fn components(root: usize, callees: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut components = Vec::new();
    // When each was first seen, from 1; the earliest that is known to be reached from it.
    let (mut seen, mut earliest) = (vec![0; callees.len()], vec![0; callees.len()]);
    let mut is_open = vec![false; callees.len()];
    let mut open = Vec::new();
    let mut count = 0;
    // The way from the root: functions, and how many of their callees were looked at.
    let mut way = vec![(root, 0)];
    while let Some((function, next)) = way.last_mut() {
        let function = *function;
        if *next == 0 && seen[function] == 0 {
            count += 1;
            (seen[function], earliest[function]) = (count, count);
            is_open[function] = true;
            open.push(function);
        }
        if let Some(&callee) = callees[function].get(*next) {
            *next += 1;
            if seen[callee] == 0 {
                way.push((callee, 0));
            } else if is_open[callee] {
                earliest[function] = earliest[function].min(seen[callee]);
            }
            continue;
        }
        way.pop();
        if let Some(&(caller, _)) = way.last() {
            earliest[caller] = earliest[caller].min(earliest[function]);
        }
        if earliest[function] == seen[function] {
            let first = open.iter().rposition(|&one| one == function).expect("it is open");
            let component = open.split_off(first);
            component.iter().for_each(|&one| is_open[one] = false);
            components.push(component);
        }
    }
    components
}

#[cfg(test)]
mod tests {
    use super::components;

    #[test]
    fn groups_come_after_what_they_call() {
        // 0 calls 1 and 3; 1 and 2 call each other; 2 calls 3; 3 calls itself; 4 is not reached.
        let callees = [vec![1, 3], vec![2], vec![1, 3], vec![3], vec![0]];
        let mut found = components(0, &callees);
        found.iter_mut().for_each(|one| one.sort_unstable());
        assert_eq!(found, [vec![3], vec![1, 2], vec![0]]);
    }

    #[test]
    fn a_long_chain_is_no_deep_recursion() {
        let callees: Vec<Vec<usize>> =
            (1..=100_000).map(|n| if n < 100_000 { vec![n] } else { vec![] }).collect();
        assert_eq!(components(0, &callees).len(), 100_000);
    }
}
