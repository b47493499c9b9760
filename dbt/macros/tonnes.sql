{# A published mass is an integer of milligrams; people read tonnes, to the gram. #}
{% macro tonnes(milligrams) -%}
    round(cast({{ milligrams }} as double) / 1e9, 6)
{%- endmacro %}
