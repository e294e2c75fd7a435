//! Whether what lies in the kernel is what was meant to lie there.

use filter_common::{
    abi::Control,
    limit::Limit,
    policy::PolicySet,
    rule::{RuleBits, RuleRecord, RuleSetHeader},
    settings::InterfaceSettings,
    table::{Clause, Deep, PlaceRecord},
};

use super::{
    KernelError,
    instance::Instance,
    mapped::Record,
    shape::{Holds, TableMap, tables},
};
use crate::table::print::{Element, Print, Printer};

/// The maps whose half in force holds something else than these prints say.
///
/// Reads all of them, a part at a time: some 10 ms for a million rows.
pub fn differing(instance: &Instance, prints: &[Print]) -> Result<Vec<&'static str>, KernelError> {
    let half = Control::half(instance.stable.control.live()) as usize;
    let maps = tables(instance.capacity());
    let mut differing = Vec::new();
    for expected in prints {
        let map = maps.iter().find(|map| map.name == expected.map);
        let map = map.ok_or(KernelError::NoMap(expected.map))?;
        if found(instance, map, expected.elements.min(map.half), half)? != *expected {
            differing.push(map.name);
        }
    }
    Ok(differing)
}

/// The print of so many elements of a half.
fn found(
    instance: &Instance,
    map: &TableMap,
    elements: usize,
    half: usize,
) -> Result<Print, KernelError> {
    match map.holds {
        Holds::Words16 => read::<u16>(instance, map, elements, half),
        Holds::Words32 => read::<u32>(instance, map, elements, half),
        Holds::Words64 => read::<u64>(instance, map, elements, half),
        Holds::Deep => read::<Deep>(instance, map, elements, half),
        Holds::Places => read::<PlaceRecord>(instance, map, elements, half),
        Holds::RuleHeader => read::<RuleSetHeader>(instance, map, elements, half),
        Holds::RuleBits => read::<RuleBits>(instance, map, elements, half),
        Holds::Rules => read::<RuleRecord>(instance, map, elements, half),
        Holds::Limits => read::<Limit>(instance, map, elements, half),
        Holds::Clauses => read::<Clause>(instance, map, elements, half),
        Holds::Settings => read::<InterfaceSettings>(instance, map, elements, half),
        Holds::Policies => read::<PolicySet>(instance, map, elements, half),
    }
}

fn read<T: Record + Default + Element>(
    instance: &Instance,
    map: &TableMap,
    elements: usize,
    half: usize,
) -> Result<Print, KernelError> {
    let mut printer = Printer::new(map.name);
    let mapped = instance.mapped::<T>(map.name, map.half)?;
    let first = half * map.half;
    for start in (0..elements).step_by(Printer::PART) {
        let count = Printer::PART.min(elements - start);
        printer.add(&mapped.read(first + start, count));
    }
    Ok(printer.finish())
}
