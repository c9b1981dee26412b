//! Carries log-probabilities out of what linfa has fitted.
//!
//! `MultinomialNb` keeps them to itself, and [`Serialize`] is the one way to see them. A format in
//! between would write all numbers down, those that nobody asked for too, and read them again: this
//! serializer looks at the names of fields and hands on the numbers of one.

use std::fmt::Display;

use serde::ser::{
    Error as _, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer,
};

/// The field of linfa-bayes's `ClassHistogram` that holds the log-probabilities, an array of
/// ndarray's, and that array's field of numbers.
const LOG_PROBABILITIES: &str = "feature_log_prob";
const NUMBERS: &str = "data";

/// What is no fitted model of linfa-bayes as it is known.
#[derive(Debug, thiserror::Error)]
#[error("the fitted model is not of the known form: {0}")]
pub(super) struct FormError(String);

impl serde::ser::Error for FormError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// The log-probabilities of each class, by the class's number; `model` is a fitted `MultinomialNb`
/// whose labels are serialised as numbers.
///
/// # Errors
/// If a value stands where none should.
pub(super) fn log_probabilities(model: &impl Serialize) -> Result<Vec<(u64, Vec<f64>)>, FormError> {
    let mut classes = Vec::new();
    model.serialize(Extract { within: Within::Model, classes: &mut classes })?;
    Ok(classes)
}

/// Where in the model a value stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Within {
    /// The model, the table of its classes, or what is known of a class.
    Model,
    /// A class's label.
    Label,
    /// The array of log-probabilities.
    Array,
    /// Its numbers.
    Numbers,
}

struct Extract<'a> {
    within: Within,
    classes: &'a mut Vec<(u64, Vec<f64>)>,
}

impl Extract<'_> {
    #[inline]
    fn part(&mut self, within: Within, value: &(impl Serialize + ?Sized)) -> Result<(), FormError> {
        value.serialize(Extract { within, classes: &mut *self.classes })
    }
}

impl SerializeStruct for Extract<'_> {
    type Ok = ();
    type Error = FormError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), FormError> {
        match (self.within, name) {
            (Within::Model, "class_info") => self.part(Within::Model, value),
            (Within::Model, LOG_PROBABILITIES) => self.part(Within::Array, value),
            (Within::Array, NUMBERS) => self.part(Within::Numbers, value),
            _ => Ok(()),
        }
    }

    fn end(self) -> Result<(), FormError> {
        Ok(())
    }
}

impl SerializeMap for Extract<'_> {
    type Ok = ();
    type Error = FormError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), FormError> {
        self.part(Within::Label, key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), FormError> {
        self.part(Within::Model, value)
    }

    fn end(self) -> Result<(), FormError> {
        Ok(())
    }
}

impl SerializeSeq for Extract<'_> {
    type Ok = ();
    type Error = FormError;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), FormError> {
        self.part(self.within, value)
    }

    fn end(self) -> Result<(), FormError> {
        Ok(())
    }
}

/// Refuses values of other kinds: none of them has a place in a fitted model.
macro_rules! refuse {
    ($($name:ident($($type:ty),*) $(-> $ok:ty)?;)*) => {
        $(fn $name(self, $(_: $type),*) -> Result<refuse!(@ok $($ok)?), FormError> {
            Err(FormError::custom(concat!("a call of ", stringify!($name))))
        })*
    };
    (@ok) => { () };
    (@ok $ok:ty) => { $ok };
}

impl<'a> Serializer for Extract<'a> {
    type Ok = ();
    type Error = FormError;
    type SerializeSeq = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeTuple = Impossible<(), FormError>;
    type SerializeTupleStruct = Impossible<(), FormError>;
    type SerializeTupleVariant = Impossible<(), FormError>;
    type SerializeStructVariant = Impossible<(), FormError>;

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), FormError> {
        match (self.within, self.classes.last_mut()) {
            (Within::Numbers, Some((_, numbers))) => numbers.push(value),
            _ => return Err(FormError::custom("a number is where none should be")),
        }
        Ok(())
    }

    fn serialize_u64(self, value: u64) -> Result<(), FormError> {
        if self.within != Within::Label {
            return Err(FormError::custom("a label is where none should be"));
        }
        self.classes.push((value, Vec::new()));
        Ok(())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self, FormError> {
        if let Some((_, numbers)) = self.classes.last_mut() {
            numbers.reserve_exact(len.unwrap_or(0));
        }
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, FormError> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, FormError> {
        Ok(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), FormError> {
        Err(FormError::custom("a call of serialize_some"))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), FormError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), FormError> {
        Err(FormError::custom("a call of serialize_newtype_variant"))
    }

    refuse! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_f32(f32);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ndarray::{Array1, array};

    use super::*;

    #[derive(serde::Serialize)]
    struct Class {
        class_count: usize,
        prior: f64,
        feature_count: Array1<f64>,
        feature_log_prob: Array1<f64>,
    }

    #[derive(serde::Serialize)]
    struct Model<L: Ord> {
        class_info: BTreeMap<L, Class>,
    }

    fn class(log_probabilities: Array1<f64>) -> Class {
        Class {
            class_count: 3,
            prior: 0.5,
            feature_count: array![7.0, 8.0],
            feature_log_prob: log_probabilities,
        }
    }

    #[test]
    fn log_probabilities_come_with_their_class() {
        let class_info =
            [(3u64, class(array![-1.0, -2.0])), (1, class(array![])), (7, class(array![-0.5]))]
                .into();
        let expected = vec![(1, vec![]), (3, vec![-1.0, -2.0]), (7, vec![-0.5])];
        assert_eq!(log_probabilities(&Model { class_info }).expect("the known form"), expected);
    }

    #[test]
    fn another_form_is_refused() {
        let named = Model { class_info: [("sport", class(array![-1.0]))].into() };
        let error = log_probabilities(&named).expect_err("a label that is no number").to_string();
        assert!(error.contains("serialize_str"), "{error}");
        let error = log_probabilities(&1.0).expect_err("a number alone").to_string();
        assert!(error.contains("a number is where none should be"), "{error}");
    }
}
