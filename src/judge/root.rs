//! Where a function crosses zero: Brent's method as published by Netlib (`zeroin`), which R's `uniroot` uses as well. The steps are part of the
//! definition: on a step function with a plateau at zero they decide which point of it is the root.

/// More steps than bisection of any interval of floats could take.
const MOST_STEPS: usize = 1_000;

/// The point in which `f` crosses zero between the two ends, as near as `tolerance`; an end where `f` does not change its sign between them.
pub fn find(f: impl Fn(f64) -> f64, (low, f_low): (f64, f64), (high, f_high): (f64, f64), tolerance: f64) -> f64 {
    let (mut a, mut fa, mut b, mut fb) = (low, f_low, high, f_high);
    let (mut c, mut fc) = (a, fa);
    if fa == 0.0 {
        return a;
    }
    for _ in 0..MOST_STEPS {
        if fc.abs() < fb.abs() {
            (a, b, c) = (b, c, b);
            (fa, fb, fc) = (fb, fc, fb);
        }
        let least = 2.0 * f64::EPSILON * b.abs() + tolerance / 2.0;
        let half = (c - b) / 2.0;
        if half.abs() <= least || fb == 0.0 {
            return b;
        }
        let step = interpolated((a, fa), (b, fb), (c, fc), least).unwrap_or(half);
        let step = if step.abs() < least { least.copysign(step) } else { step };
        (a, fa) = (b, fb);
        b += step;
        fb = f(b);
        if (fb > 0.0) == (fc > 0.0) && fb != 0.0 {
            (c, fc) = (a, fa);
        }
    }
    b
}

/// The step that a line or a parabola through the last points suggests; none where it is not to be trusted.
fn interpolated((a, fa): (f64, f64), (b, fb): (f64, f64), (c, fc): (f64, f64), least: f64) -> Option<f64> {
    let before = b - a;
    if before.abs() < least || fa.abs() <= fb.abs() {
        return None;
    }
    let width = c - b;
    let (p, q) = if (a - c).abs() == 0.0 {
        let slope = fb / fa;
        (width * slope, 1.0 - slope)
    } else {
        let (q, r, s) = (fa / fc, fb / fc, fb / fa);
        (s * (width * q * (q - r) - before * (r - 1.0)), (q - 1.0) * (r - 1.0) * (s - 1.0))
    };
    let (p, q) = if p > 0.0 { (p, -q) } else { (-p, q) };
    let near = p < 0.75 * width * q - (least * q).abs() / 2.0 && p < (before * q / 2.0).abs();
    near.then(|| p / q)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(f: impl Fn(f64) -> f64 + Copy, low: f64, high: f64) -> f64 {
        find(f, (low, f(low)), (high, f(high)), 1e-9)
    }

    #[test]
    fn smooth_functions_cross_where_they_should() {
        assert!((root(|x| x * x - 2.0, 0.0, 2.0) - 2.0_f64.sqrt()).abs() < 1e-8);
        assert!((root(|x| x.cos() - x, 0.0, 1.0) - 0.739_085_133_2).abs() < 1e-8);
    }

    #[test]
    fn a_jump_is_found_as_well() {
        assert!((root(|x| if x < 0.3 { 1.0 } else { -1.0 }, -5.0, 8.0) - 0.3).abs() < 1e-8);
    }
}
