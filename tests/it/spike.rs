//! spike
use filter_common::settings::*;
use filter_common::table::*;
use filter_ctl::kernel::{attach::*, instance::*, pins::*, sync::*, *};
use filter_ctl::table::*;
#[test]
fn spike() {
    let dir = tempfile::tempdir().unwrap();
    assert!(
        std::process::Command::new("mount")
            .args(["-t", "bpf", "bpf"])
            .arg(dir.path())
            .status()
            .unwrap()
            .success()
    );
    let r = std::panic::catch_unwind(|| {
        let pins = PinDir::lock(&dir.path().join("levee")).unwrap();
        let cap = Capacity {
            v4_rows: 2097153,
            v6_rows: 524289,
        };
        let t = std::time::Instant::now();
        let mut i = Instance::create(&pins.instance(1), cap, 7).unwrap();
        println!("create {:?}", t.elapsed());
        let p = Publisher::new().unwrap();
        let nothing4 = Arrays {
            roots: vec![Root { rows: 0, first: 0 }; ROOTS],
            rows: vec![Row4 { start: 0, value: 0 }],
        };
        let nothing6 = Arrays {
            roots: vec![Root { rows: 0, first: 0 }; ROOTS],
            rows: vec![Row6::default()],
        };
        let mut v4 = nothing4.clone();
        v4.rows = vec![
            Row4 { start: 0, value: 0 },
            Row4 {
                start: 0xcb007107,
                value: 1,
            },
            Row4 {
                start: 0xcb007108,
                value: 0,
            },
        ];
        v4.roots[0xcb00] = Root { rows: 2, first: 0 };
        let table = Table {
            v4,
            v6: nothing6.clone(),
            never_block_v4: nothing4,
            never_block_v6: nothing6,
            clauses: vec![TimedClause {
                slot: 3,
                until: jiff::Timestamp::now().as_second() + 1000,
                ports: [0, 0],
                protocol: 0,
                flags: ClauseFlags::FROM | ClauseFlags::TO | ClauseFlags::LAST,
            }],
            settings: vec![InterfaceSettings::new(Enforcement::Enforce, Role::Upstream)],
        };
        let t = std::time::Instant::now();
        println!(
            "{:?} {:?}",
            p.publish(&mut i, &table, [1; 32], clock::boot_clock().unwrap(), 5)
                .unwrap(),
            t.elapsed()
        );
        let mut prog = LoadedProgram::load(&i, object::embedded().unwrap(), 0).unwrap();
        let mut f = vec![0u8; 60];
        f[12] = 8;
        f[14] = 0x45;
        f[17] = 46;
        f[22] = 64;
        f[23] = 17;
        f[26..30].copy_from_slice(&[203, 0, 113, 7]);
        f[30..34].copy_from_slice(&[192, 0, 2, 1]);
        assert!(prog.test_run(&f).unwrap());
        f[29] = 8;
        assert!(!prog.test_run(&f).unwrap());
        println!("{:?}", i.slot_counter(3));
        println!("{:?}", i.verdict_counters(0));
        println!("{:?}", i.live());
    });
    std::process::Command::new("umount")
        .arg(dir.path())
        .status()
        .unwrap();
    r.unwrap();
}
